import type { Basis, Stamp } from '../access/basis.js';
import type { Element, ElementType } from '../database/array-literal.js';
import { actOf } from './act.js';
import type { AuditEvent } from './audit-event.js';
import type { EventList } from './event-list.js';
import type { Head, Link } from './hash-chain.js';

/** What the statements that add to a chain are given: each column with its type and where it comes from. */

/** What is added to one chain: its events in their order, and the head that points to the last of them. All of them are of one moment. */
export type Addition = Readonly<{
  owner: string;
  head: Head;
  events: readonly AuditEvent[];
  /** The lists that the events point to, one for each event that has one. */
  lists: ReadonlyMap<AuditEvent, EventList>;
}>;

/** An addition that was worked out without asking where the chain is. */
export type AheadAddition = Addition & Readonly<{ after: Link; basis: Basis }>;

/** An event, and which of the sources of its batch it is of. */
export type Added = Readonly<{
  owner: string;
  event: AuditEvent;
  list: EventList | undefined;
  source: number;
}>;
/** What many events of a batch have in common. */
export type Source = Readonly<{ owner: string; event: AuditEvent }>;

export type Named = Readonly<{ name: string; type: ElementType }>;
export type Column<Row> = Named & Readonly<{ of: (row: Row) => Element }>;

const OWNER: Column<{ owner: string }> = { name: 'owner', type: 'uuid', of: ({ owner }) => owner };

export const MOVED: readonly Column<{ owner: string; head: Head }>[] = [
  OWNER,
  { name: 'seq', type: 'bigint', of: ({ head }) => head.seq },
  { name: 'hash', type: 'bytea', of: ({ head }) => head.hash },
  {
    name: 'signature',
    type: 'bytea',
    of: ({ head }) => Buffer.from(head.signature, 'base64').toString('hex'),
  },
];

/** What an act consists of: the trail is searched by these. */
export const OF_ACT: readonly Column<Source>[] = [
  { name: 'actor_id', type: 'text', of: ({ event }) => event.actor.id },
  { name: 'actor_name', type: 'text', of: ({ event }) => event.actor.name },
  { name: 'action', type: 'text', of: ({ event }) => event.action },
  { name: 'outcome', type: 'text', of: ({ event }) => event.outcome },
  { name: 'project', type: 'text', of: ({ event }) => event.resource.project ?? null },
  { name: 'environment', type: 'text', of: ({ event }) => event.resource.environment ?? null },
];

export const SHARED: readonly Column<Source>[] = [
  ...OF_ACT,
  { name: 'actor_type', type: 'text', of: ({ event }) => event.actor.type },
  { name: 'ip', type: 'text', of: ({ event }) => event.ip },
  { name: 'user_agent', type: 'text', of: ({ event }) => event.userAgent },
];

export const ACT: Column<Source> = { name: 'act', type: 'uuid', of: ({ event }) => actOf(event) };

export const OF_SOURCE: readonly Column<Source>[] = [OWNER, ACT, ...SHARED];

export const OWN: readonly Column<Added>[] = [
  { name: 'seq', type: 'bigint', of: ({ event }) => event.seq },
  { name: 'secret', type: 'text', of: ({ event }) => event.resource.secret ?? null },
  { name: 'resource', type: 'jsonb', of: ({ event, list }) => withoutList(event.resource, list) },
  { name: 'request_id', type: 'text', of: ({ event }) => event.requestId },
  { name: 'prev_hash', type: 'bytea', of: ({ event }) => event.prevHash },
  { name: 'hash', type: 'bytea', of: ({ event }) => event.hash },
];

/** What an event has in the table of either kind of trail. */
export const PLAIN: readonly Column<Added>[] = [...SHARED, ...OWN];

export const LIST: Column<Added> = { name: 'list', type: 'bytea', of: ({ list }) => list?.digest ?? null };

export const OF_EVENT: readonly Column<Added>[] = [
  { name: 'source', type: 'integer', of: ({ source }) => source },
  ...OWN,
  LIST,
];

export const SECRETS: Column<Added> = {
  name: 'secrets',
  type: 'jsonb',
  of: ({ list }) => list?.text ?? null,
};

export const LISTED: readonly Column<Added>[] = [OWNER, { ...LIST, name: 'digest' }, SECRETS];

export const EXPECTED: readonly Column<AheadAddition>[] = [
  OWNER,
  { name: 'seq', type: 'bigint', of: ({ after }) => after.seq },
  { name: 'hash', type: 'bytea', of: ({ after }) => after.hash },
  { name: 'until', type: 'float8', of: ({ basis }) => basis.until },
];

export const RESTING: readonly Column<Stamp & { owner: string }>[] = [
  OWNER,
  { name: 'subject', type: 'uuid', of: ({ subject }) => subject },
  { name: 'stamp', type: 'uuid', of: ({ stamp }) => stamp },
];

function withoutList(resource: AuditEvent['resource'], list: EventList | undefined): string {
  return JSON.stringify(list === undefined ? resource : { ...resource, secrets: undefined });
}
