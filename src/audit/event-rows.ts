import type { Basis } from '../access/basis.js';
import {
  firstRow,
  prepared,
  rows,
  type Prepared,
  type Statement,
  type Transaction,
} from '../database/transaction.js';
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

/** One statement, however many chains and events: the events, the lists that are new, and the heads. */
export function additionOf(at: string, additions: readonly Addition[]): Statement {
  const added = additions.flatMap(({ owner, events, lists }) =>
    events.map((event): Added => ({ owner, event, list: lists.get(event) })),
  );
  const moved = [
    additions.map(({ owner }) => owner),
    additions.map(({ head }) => head.seq),
    additions.map(({ head }) => Buffer.from(head.hash, 'hex')),
    additions.map(({ head }) => Buffer.from(head.signature, 'base64')),
  ];
  const columns = COLUMNS.map(({ of }) => added.map(of));
  const lists = new Map(added.map((row) => [`${row.owner}/${row.list?.digest ?? ''}`, row]));
  const listed = [...lists.values()].filter(({ list }) => list !== undefined);
  const ofLists = [
    added.map(LIST.of),
    listed.map(({ owner }) => owner),
    listed.map(LIST.of),
    listed.map(({ list }) => list?.text),
  ];
  return { ...ADD, values: [at, ...moved, ...columns, ...ofLists] };
}

/** The same for one event of one chain, as every change adds it: without arrays, which cost more than they save there. */
export function oneMoreOf(
  kind: Chain['kind'],
  event: AuditEvent,
  list: EventList | undefined,
  owner: string,
  head: Head,
): Statement {
  const row = { owner, event, list };
  const values = [
    event.at,
    owner,
    head.seq,
    Buffer.from(head.hash, 'hex'),
    Buffer.from(head.signature, 'base64'),
    ...COLUMNS.map(({ of }) => of(row)),
  ];
  if (kind === 'user') return { ...ONE_MORE_OF_USER, values };
  if (list === undefined) return { ...ONE_MORE_OF_ORG, values };
  return { ...ONE_MORE_WITH_LIST, values: [...values, LIST.of(row), list.text] };
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
    values: [
      ...values,
      additions.map(({ owner }) => owner),
      additions.map(({ after }) => after.seq),
      additions.map(({ after }) => Buffer.from(after.hash, 'hex')),
      additions.map(({ basis }) => basis.until),
      resting.map(({ owner }) => owner),
      resting.map(({ subject }) => subject),
      resting.map(({ stamp }) => stamp),
    ],
  };
}

type Added = Readonly<{ owner: string; event: AuditEvent; list: EventList | undefined }>;
type Column = Readonly<{ name: string; type: string; of: (row: Added) => unknown }>;

const COLUMNS: readonly Column[] = [
  { name: 'owner', type: 'uuid', of: ({ owner }) => owner },
  { name: 'seq', type: 'bigint', of: ({ event }) => event.seq },
  { name: 'actor_type', type: 'text', of: ({ event }) => event.actor.type },
  { name: 'actor_id', type: 'text', of: ({ event }) => event.actor.id },
  { name: 'actor_name', type: 'text', of: ({ event }) => event.actor.name },
  { name: 'action', type: 'text', of: ({ event }) => event.action },
  { name: 'outcome', type: 'text', of: ({ event }) => event.outcome },
  { name: 'project', type: 'text', of: ({ event }) => event.resource.project ?? null },
  { name: 'environment', type: 'text', of: ({ event }) => event.resource.environment ?? null },
  { name: 'secret', type: 'text', of: ({ event }) => event.resource.secret ?? null },
  { name: 'resource', type: 'jsonb', of: ({ event, list }) => withoutList(event.resource, list) },
  { name: 'ip', type: 'text', of: ({ event }) => event.ip },
  { name: 'user_agent', type: 'text', of: ({ event }) => event.userAgent },
  { name: 'request_id', type: 'text', of: ({ event }) => event.requestId },
  { name: 'prev_hash', type: 'bytea', of: ({ event }) => Buffer.from(event.prevHash, 'hex') },
  { name: 'hash', type: 'bytea', of: ({ event }) => Buffer.from(event.hash, 'hex') },
];

const LIST: Column = {
  name: 'list',
  type: 'bytea',
  of: ({ list }) => (list === undefined ? null : Buffer.from(list.digest, 'hex')),
};

function withoutList(resource: AuditEvent['resource'], list: EventList | undefined): string {
  return JSON.stringify(list === undefined ? resource : { ...resource, secrets: undefined });
}

const ADD = addition();
const ADD_AHEAD = addition('ahead');

function addition(ahead?: 'ahead'): Prepared {
  let last = 5;
  const next = (type: string): string => `$${String((last += 1))}::${type}[]`;
  const columns = [...COLUMNS, LIST];
  const arrays = columns.map(({ type }) => next(type));
  const names = columns.map(({ name }) => name).join(', ');
  const lists = [next('uuid'), next('bytea'), next('jsonb')];
  const held = ahead === undefined ? '' : heldIf(next);
  const onlyHeld = ahead === undefined ? '' : 'where owner in (select owner from held)';
  const insert = `
    insert into org_events (at, ${names.replace('owner', 'org_id')})
    select $1::timestamptz, e.* from unnest(${arrays.join(', ')}) as e (${names}) ${onlyHeld}`;
  return prepared(`
    with ${held} moved as (
      update org_chain_heads h set seq = n.seq, hash = n.hash, at = $1, signature = n.signature
      from (select * from unnest($2::uuid[], $3::bigint[], $4::bytea[], $5::bytea[]) as n (owner, seq, hash, signature) ${onlyHeld}) n
      where h.org_id = n.owner
    ), listed as (
      insert into org_event_lists (org_id, digest, secrets)
      select * from unnest(${lists.join(', ')}) as l (owner, digest, secrets) ${onlyHeld} on conflict do nothing
    )
    ${ahead === undefined ? insert : `, added as (${insert}) select owner from held`}`);
}

const ONE_MORE_OF_USER = oneMore('user', COLUMNS);
const ONE_MORE_OF_ORG = oneMore('org', COLUMNS);
const ONE_MORE_WITH_LIST = oneMore(
  'org',
  [...COLUMNS, LIST],
  `, listed as (insert into org_event_lists (org_id, digest, secrets) values ($2, $22, $23) on conflict do nothing)`,
);

function oneMore(kind: Chain['kind'], columns: readonly Column[], listed = ''): Prepared {
  const { events, heads, owner } = TABLES[kind];
  const names = columns.map(({ name }) => name).join(', ');
  const values = columns.map(({ type }, index) => `$${String(index + 6)}::${type}`);
  return prepared(`
    with moved as (
      update ${heads} set seq = $3, hash = $4, at = $1, signature = $5 where ${owner} = $2)${listed}
    insert into ${events} (at, ${names.replace('owner', owner)}) values ($1, ${values.join(', ')})`);
}

/** The chains that are where they are expected, that nobody else holds, and all of whose records rest on what still is so. */
function heldIf(next: (type: string) => string): string {
  return `
    expected as (
      select * from unnest(${next('uuid')}, ${next('bigint')}, ${next('bytea')}, ${next('float8')}) as x (owner, seq, hash, until)
    ), outdated as (
      select r.owner from unnest(${next('uuid')}, ${next('uuid')}, ${next('uuid')}) as r (owner, subject, stamp)
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
