import { elementsOf } from '../database/array-literal.js';
import { prepared, type Prepared } from '../database/transaction.js';
import {
  ACT,
  EXPECTED,
  LIST,
  LISTED,
  MOVED,
  OF_ACT,
  OF_EVENT,
  OF_SOURCE,
  OWN,
  PLAIN,
  RESTING,
  SECRETS,
  SHARED,
  type Column,
  type Named,
} from './event-columns.js';
import type { Chain } from './hash-chain.js';

/** The statements about the rows of a trail. Their parameters stand in the order of the columns. */

export const TABLES = {
  org: { events: 'org_events', heads: 'org_chain_heads', owner: 'org_id' },
  user: { events: 'user_events', heads: 'user_chain_heads', owner: 'user_id' },
} as const;

export const HEAD = { org: headStatements('org'), user: headStatements('user') } as const;

export const ADD = addition();
export const ADD_AHEAD = addition('ahead');

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

export const ONE_MORE_OF_USER = oneMore('user', []);
export const ONE_MORE_OF_ORG = oneMore('org', [ACT]);
export const ONE_MORE_WITH_LIST = oneMore('org', [ACT, LIST, SECRETS]);
export const ONE_MORE_AHEAD = oneMore('org', [ACT], 'ahead');
export const ONE_MORE_AHEAD_WITH_LIST = oneMore('org', [ACT, LIST, SECRETS], 'ahead');

function oneMore(kind: Chain['kind'], more: readonly Named[], ahead?: 'ahead'): Prepared {
  const { events, heads, owner } = TABLES[kind];
  // As in the values: the time, the chain, the event, and what is expected.
  let last = 1 + MOVED.length;
  const parameter = (type: string): string => `$${String((last += 1))}::${type}`;
  const parameters = new Map([...PLAIN, ...more].map(({ name, type }) => [name, parameter(type)]));
  const rowOf = (names: readonly string[]): string => {
    const row = ['$2::uuid', ...names.map((name) => parameters.get(name))].join(', ');
    return ahead === undefined ? `values (${row})` : `select ${row} from held`;
  };
  const act = ['act', ...OF_ACT.map(({ name }) => name)];
  const acts = `, acts as (insert into org_acts (org_id, ${act.join(', ')}) ${rowOf(act)} on conflict do nothing)`;
  const lists = `, listed as (
    insert into org_event_lists (org_id, digest, secrets) ${rowOf(['list', 'secrets'])} on conflict do nothing)`;
  parameters.set('at', '$1::timestamptz');
  const names = [...parameters.keys()].filter((name) => name !== 'secrets');
  const held = `held as (
    select 1 from org_chain_heads where org_id = $2 and seq = ${parameter('bigint')} and hash = ${parameter('bytea')}
      and ${parameter('float8')} > extract(epoch from clock_timestamp()) * 1000
      and not exists (
        select from unnest(${parameter('uuid[]')}, ${parameter('uuid[]')}) as r (subject, stamp)
        left join stamps s on s.subject = r.subject where s.stamp is distinct from r.stamp)
    for update skip locked), `;
  return prepared(`
    with ${ahead === undefined ? '' : held} moved as (
      update ${heads} set seq = $3, hash = $4, at = $1, signature = $5
      where ${owner} = $2 ${ahead === undefined ? '' : 'and exists (select from held)'})
      ${more.includes(ACT) ? acts : ''} ${more.includes(LIST) ? lists : ''}
    insert into ${events} (${owner}, ${names.join(', ')}) ${rowOf(names)} returning ${owner} as owner`);
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
