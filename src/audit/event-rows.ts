import type { Basis, Stamp } from '../access/basis.js';
import {
  arrayLiteral,
  elementsOf,
  parameterOf,
  type Element,
  type ElementType,
} from '../database/array-literal.js';
import {
  firstRow,
  prepared,
  rows,
  type Prepared,
  type Statement,
  type Transaction,
} from '../database/transaction.js';
import { actOf } from './act.js';
import type { AuditEvent } from './audit-event.js';
import type { EventList } from './event-list.js';
import { genesis, type Chain, type Head, type Link } from './hash-chain.js';
import type { HeadSigner } from './head-signer.js';

/** The rows of a trail: how its head is read and locked, and how links are added to it. Used by the audit and by the ledger alike. */

export const TABLES = {
  org: { events: 'org_events', heads: 'org_chain_heads', owner: 'org_id' },
  user: { events: 'user_events', heads: 'user_chain_heads', owner: 'user_id' },
} as const;

/** What is added to one chain: its events in their order, and the head that points to the last of them. All of them are of one moment. */
export type Addition = Readonly<{
  owner: string;
  head: Head;
  events: readonly AuditEvent[];
  /** The lists that the events point to, one for each event that has one. */
  lists: ReadonlyMap<AuditEvent, EventList>;
}>;

export type HeadRow = Readonly<{ owner: string; seq: string; hash: Buffer; at: Date; signature: Buffer }>;

const HEAD = {
  org: headStatements('org'),
  user: headStatements('user'),
} as const;

/** The last link of a chain with its signature, or null before its first event. */
export async function readHead(
  tx: Transaction,
  chain: Chain,
  lock: 'for update' | '' = '',
): Promise<Head | null> {
  const { read, locked } = HEAD[chain.kind];
  const row = await firstRow<HeadRow>(tx, lock === '' ? read : locked, [chain.id]);
  return row === undefined ? null : headOf(row);
}

export function headOf(row: HeadRow): Head {
  return {
    seq: Number(row.seq),
    hash: row.hash.toString('hex'),
    at: row.at.toISOString(),
    signature: row.signature.toString('base64'),
  };
}

/** Begins a chain, if nobody has by now. */
export async function beginChain(tx: Transaction, chain: Chain, signer: HeadSigner): Promise<void> {
  const { heads, owner } = TABLES[chain.kind];
  const start = signer.sign(genesis(chain), new Date(0).toISOString());
  await rows(
    tx,
    `insert into ${heads} (${owner}, seq, hash, at, signature) values ($1, $2, $3, $4, $5) on conflict do nothing`,
    [chain.id, start.seq, Buffer.from(start.hash, 'hex'), start.at, Buffer.from(start.signature, 'base64')],
  );
}

/** One statement, however many chains and events: the events, the acts and the lists that are new, and the heads. */
export function additionOf(at: string, additions: readonly Addition[]): Statement {
  const { events, sources } = gathered(additions);
  const lists = new Map(events.map((row) => [`${row.owner}/${row.list?.digest ?? ''}`, row]));
  const listed = [...lists.values()].filter(({ list }) => list !== undefined);
  return {
    ...ADD,
    values: [
      at,
      ...arraysOf(MOVED, additions),
      ...arraysOf(OF_SOURCE, sources),
      ...arraysOf(OF_EVENT, events),
      ...arraysOf(LISTED, listed),
    ],
  };
}

/** The same for one event of one chain, as every change adds it: without arrays, which cost more than they save there. */
export function oneMoreOf(
  kind: Chain['kind'],
  event: AuditEvent,
  list: EventList | undefined,
  owner: string,
  head: Head,
): Statement {
  const row = { owner, event, list, source: 0 };
  const values = [
    event.at,
    ...MOVED.map(({ type, of }) => parameterOf(type, of({ owner, head }))),
    ...PLAIN.map(({ type, of }) => parameterOf(type, of(row))),
  ];
  if (kind === 'user') return { ...ONE_MORE_OF_USER, values };
  const ofOrg = [...values, actOf(event)];
  if (list === undefined) return { ...ONE_MORE_OF_ORG, values: ofOrg };
  return { ...ONE_MORE_WITH_LIST, values: [...ofOrg, parameterOf('bytea', list.digest), list.text] };
}

/** An addition that was worked out without asking where the chain is. */
export type AheadAddition = Addition & Readonly<{ after: Link; basis: Basis }>;

/**
 * The same for organisations whose heads are taken to be known: it adds only to those chains whose head is still that one and whose basis
 * holds, and returns their `owner`s.
 */
export function additionAhead(at: string, additions: readonly AheadAddition[]): Statement {
  const { values } = additionOf(at, additions);
  const resting = additions.flatMap(({ owner, basis }) => basis.stamps.map((stamp) => ({ owner, ...stamp })));
  return {
    ...ADD_AHEAD,
    values: [...values, ...arraysOf(EXPECTED, additions), ...arraysOf(RESTING, resting)],
  };
}

type Added = Readonly<{ owner: string; event: AuditEvent; list: EventList | undefined; source: number }>;
type Source = Readonly<{ owner: string; event: AuditEvent }>;

type Column<Row> = Readonly<{ name: string; type: ElementType; of: (row: Row) => Element }>;

/** The rows of a batch, and what many of them have in common: it is written out once, and they point to it. */
function gathered(additions: readonly Addition[]): Readonly<{ events: Added[]; sources: Source[] }> {
  const events: Added[] = [];
  const numbers = new Map<string, number>();
  const sources: Source[] = [];
  for (const { owner, events: ofChain, lists } of additions) {
    for (const event of ofChain) {
      const { actor, action, outcome, resource, ip, userAgent } = event;
      const { project, environment } = resource;
      const text = JSON.stringify([owner, actor, action, outcome, project, environment, ip, userAgent]);
      let source = numbers.get(text);
      if (source === undefined) {
        source = sources.push({ owner, event });
        numbers.set(text, source);
      }
      events.push({ owner, event, list: lists.get(event), source });
    }
  }
  return { events, sources };
}

function arraysOf<Row>(columns: readonly Column<Row>[], all: readonly Row[]): string[] {
  return columns.map(({ type, of }) => arrayLiteral(type, all, of));
}

const OWNER: Column<{ owner: string }> = { name: 'owner', type: 'uuid', of: ({ owner }) => owner };

const MOVED: readonly Column<{ owner: string; head: Head }>[] = [
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
const OF_ACT: readonly Column<Source>[] = [
  { name: 'actor_id', type: 'text', of: ({ event }) => event.actor.id },
  { name: 'actor_name', type: 'text', of: ({ event }) => event.actor.name },
  { name: 'action', type: 'text', of: ({ event }) => event.action },
  { name: 'outcome', type: 'text', of: ({ event }) => event.outcome },
  { name: 'project', type: 'text', of: ({ event }) => event.resource.project ?? null },
  { name: 'environment', type: 'text', of: ({ event }) => event.resource.environment ?? null },
];

const SHARED: readonly Column<Source>[] = [
  ...OF_ACT,
  { name: 'actor_type', type: 'text', of: ({ event }) => event.actor.type },
  { name: 'ip', type: 'text', of: ({ event }) => event.ip },
  { name: 'user_agent', type: 'text', of: ({ event }) => event.userAgent },
];

const OF_SOURCE: readonly Column<Source>[] = [
  OWNER,
  { name: 'act', type: 'uuid', of: ({ event }) => actOf(event) },
  ...SHARED,
];

const OWN: readonly Column<Added>[] = [
  { name: 'seq', type: 'bigint', of: ({ event }) => event.seq },
  { name: 'secret', type: 'text', of: ({ event }) => event.resource.secret ?? null },
  { name: 'resource', type: 'jsonb', of: ({ event, list }) => withoutList(event.resource, list) },
  { name: 'request_id', type: 'text', of: ({ event }) => event.requestId },
  { name: 'prev_hash', type: 'bytea', of: ({ event }) => event.prevHash },
  { name: 'hash', type: 'bytea', of: ({ event }) => event.hash },
];

/** What an event has in the table of either kind of trail. */
const PLAIN: readonly Column<Added>[] = [...SHARED, ...OWN];

const LIST: Column<Added> = { name: 'list', type: 'bytea', of: ({ list }) => list?.digest ?? null };

const OF_EVENT: readonly Column<Added>[] = [
  { name: 'source', type: 'integer', of: ({ source }) => source },
  ...OWN,
  LIST,
];

const LISTED: readonly Column<Added>[] = [
  OWNER,
  { ...LIST, name: 'digest' },
  { name: 'secrets', type: 'jsonb', of: ({ list }) => list?.text ?? null },
];

const EXPECTED: readonly Column<AheadAddition>[] = [
  OWNER,
  { name: 'seq', type: 'bigint', of: ({ after }) => after.seq },
  { name: 'hash', type: 'bytea', of: ({ after }) => after.hash },
  { name: 'until', type: 'float8', of: ({ basis }) => basis.until },
];

const RESTING: readonly Column<Stamp & { owner: string }>[] = [
  OWNER,
  { name: 'subject', type: 'uuid', of: ({ subject }) => subject },
  { name: 'stamp', type: 'uuid', of: ({ stamp }) => stamp },
];

function withoutList(resource: AuditEvent['resource'], list: EventList | undefined): string {
  return JSON.stringify(list === undefined ? resource : { ...resource, secrets: undefined });
}

const ADD = addition();
const ADD_AHEAD = addition('ahead');

function addition(ahead?: 'ahead'): Prepared {
  let last = 1;
  const table = <Row>(columns: readonly Column<Row>[], alias: string, numbered = ''): string => {
    const arrays = columns.map(({ type }) => elementsOf(type, `$${String((last += 1))}`));
    const names = columns.map(({ name }) => name);
    const all = numbered === '' ? names : [...names, numbered];
    return `rows from (${arrays.join(', ')}) ${numbered === '' ? '' : 'with ordinality'} as ${alias} (${all.join(', ')})`;
  };
  const moved = table(MOVED, 'm');
  const sources = table(OF_SOURCE, 'o', 'number');
  const events = table(OF_EVENT, 'e');
  const lists = table(LISTED, 'l');
  const held = ahead === undefined ? '' : heldIf(table(EXPECTED, 'x'), table(RESTING, 'r'));
  const onlyHeld = ahead === undefined ? '' : 'where owner in (select owner from held)';
  const namesOf = (columns: readonly { name: string }[]): string =>
    columns.map(({ name }) => name).join(', ');
  const own = [...OWN, LIST];
  const insert = `
    insert into org_events (org_id, at, act, ${namesOf(SHARED)}, ${namesOf(own)})
    select owner, $1::timestamptz, act, ${namesOf(SHARED)}, ${namesOf(own)}
    from sources join ${events} on source = number ${onlyHeld}`;
  return prepared(`
    with ${held} moved as (
      update org_chain_heads h set seq = n.seq, hash = n.hash, at = $1, signature = n.signature
      from (select * from ${moved} ${onlyHeld}) n
      where h.org_id = n.owner
    ), sources as (
      select * from ${sources}
    ), acts as (
      insert into org_acts (org_id, act, ${namesOf(OF_ACT)})
      select owner, act, ${namesOf(OF_ACT)} from sources ${onlyHeld} on conflict do nothing
    ), listed as (
      insert into org_event_lists (org_id, ${namesOf(LISTED).replace('owner, ', '')})
      select * from ${lists} ${onlyHeld} on conflict do nothing
    )
    ${ahead === undefined ? insert : `, added as (${insert}) select owner from held`}`);
}

const ONE_MORE_OF_USER = oneMore('user');
const ONE_MORE_OF_ORG = oneMore('org', ['act']);
const ONE_MORE_WITH_LIST = oneMore('org', ['act', 'list', 'secrets']);

function oneMore(kind: Chain['kind'], more: readonly ('act' | 'list' | 'secrets')[] = []): Prepared {
  const { events, heads, owner } = TABLES[kind];
  const first = MOVED.length + 2;
  const numbers = new Map(
    [...PLAIN.map(({ name }) => name), ...more].map((name, index) => [name, `$${String(first + index)}`]),
  );
  const of = (names: readonly string[]): string => names.map((name) => numbers.get(name)).join(', ');
  const ofAct = OF_ACT.map(({ name }) => name);
  const acts = `, acts as (
      insert into org_acts (org_id, act, ${ofAct.join(', ')}) values ($2, ${of(['act', ...ofAct])}) on conflict do nothing)`;
  const lists = `, listed as (
      insert into org_event_lists (org_id, digest, secrets) values ($2, ${of(['list', 'secrets'])}) on conflict do nothing)`;
  const names = [...numbers.keys()].filter((name) => name !== 'secrets');
  return prepared(`
    with moved as (
      update ${heads} set seq = $3, hash = $4, at = $1, signature = $5 where ${owner} = $2)
      ${more.includes('act') ? acts : ''} ${more.includes('list') ? lists : ''}
    insert into ${events} (${owner}, at, ${names.join(', ')}) values ($2, $1, ${of(names)})`);
}

/** The chains that are where they are expected, that nobody else holds, and all of whose records rest on what still is so. */
function heldIf(expected: string, resting: string): string {
  return `
    expected as (
      select * from ${expected}
    ), outdated as (
      select r.owner from ${resting}
      left join stamps s on s.subject = r.subject where s.stamp is distinct from r.stamp
    ), held as (
      select h.org_id as owner from org_chain_heads h
      join expected x on x.owner = h.org_id and x.seq = h.seq and x.hash = h.hash
      where x.until > extract(epoch from clock_timestamp()) * 1000 and x.owner not in (select owner from outdated)
      order by h.org_id for update of h skip locked
    ),`;
}

function headStatements(kind: Chain['kind']): Readonly<{ read: Prepared; locked: Prepared }> {
  const { heads, owner } = TABLES[kind];
  const read = `select ${owner} as owner, seq, hash, at, signature from ${heads} where ${owner} = $1`;
  return { read: prepared(read), locked: prepared(`${read} for update`) };
}
