import { after } from '../access/paging.js';
import { InvalidRequest } from '../errors/errors.js';
import { EVENT_COLUMNS } from './audit-event.view.js';
import { TABLES } from './event-statements.js';
import type { Chain } from './hash-chain.js';
import type { TrailQuery } from './trail.requests.js';

type Bind = (value: unknown) => string;
type Statement = Readonly<{ text: string; parameters: unknown[] }>;

/** Between which numbers of an organisation's chain the events of a query's times are; null where there is no bound. */
export type Places = Readonly<{ after: string | null; before: string | null }>;

/**
 * The statement that finds these places, one row of `Places`, by every 128th event, the only ones with an index of their times. They are a
 * little too wide, as much as the clocks of two nodes may be apart. It comes first, because the numbers tell the planner what times do not.
 */
export function placesStatement(orgId: string, { since, until }: TrailQuery): Statement {
  const place = (condition: string): string =>
    `(select seq::text from org_events where org_id = $1 and seq % 128 = 0 and at ${condition} limit 1)`;
  return {
    text: `
      select ${place(`< $2::timestamptz - interval '5 minutes' order by at desc`)} as after,
        ${place(`> $3::timestamptz + interval '5 minutes' order by at`)} as before`,
    parameters: [orgId, since ?? null, until ?? null],
  };
}

/**
 * The statement behind a list of events, newest first. First it finds their numbers, each way with an index in the order of the answer and cut
 * to a page, then it reads the events themselves.
 */
export function trailStatement(chain: Chain, query: TrailQuery, places: Places, most: number): Statement {
  const parameters: unknown[] = [chain.id, most];
  const bind: Bind = (value) => `$${String(parameters.push(value))}`;
  const { events, owner } = TABLES[chain.kind];
  const numbers = chain.kind === 'user' ? numbersOfUser(query, bind) : numbersOfOrg(query, places, bind);
  return {
    text: `
      select ${EVENT_COLUMNS[chain.kind]} from ${events}
      where ${owner} = $1 and seq = any (array(${numbers})) order by seq desc`,
    parameters,
  };
}

/** A user's own trail is short enough to be looked through. */
function numbersOfUser(query: TrailQuery, bind: Bind): string {
  const secret = equal({ secret: query.secret }, bind);
  const times = timesIn(query, bind);
  return newest('user_events where user_id = $1', [
    ...older(query, bind),
    ...times,
    ...ofAct(query, bind),
    ...secret,
  ]);
}

function numbersOfOrg(query: TrailQuery, places: Places, bind: Bind): string {
  const within = [...older(query, bind), ...timesIn(query, bind), ...placesOf(places, bind)];
  const acts = ofAct(query, bind);
  const ofActs = `select act from org_acts where org_id = $1 and ${acts.join(' and ')}`;
  const from = 'org_events where org_id = $1';
  if (query.secret !== undefined) {
    const secret = bind(query.secret);
    const also = acts.length === 0 ? within : [...within, `act in (${ofActs})`];
    const ofMany = `list = any (array(
      select digest from org_event_lists where org_id = $1 and secrets @> jsonb_build_array(jsonb_build_object('secret', ${secret}::text))))`;
    const one = newest(from, [...also, `secret = ${secret}`]);
    const many = newest(from, [...also, `secret is distinct from ${secret}`, ofMany]);
    return `select seq from ((${one}) union all (${many})) as found order by seq desc limit $2`;
  }
  if (acts.length === 0) return newest(from, within);
  const ofOne = newest(from, [...within, 'act = one.act']);
  return `select seq from (${ofActs}) as one cross join lateral (${ofOne}) as found order by seq desc limit $2`;
}

function newest(from: string, conditions: readonly string[]): string {
  return `select seq from ${[from, ...conditions].join(' and ')} order by seq desc limit $2`;
}

function ofAct({ actor, outcome, action, project, environment }: TrailQuery, bind: Bind): string[] {
  const conditions = equal({ outcome, action, project, environment }, bind);
  if (actor === undefined) return conditions;
  const bound = bind(actor);
  return [...conditions, `(actor_id = ${bound} or actor_name = ${bound})`];
}

function equal(columns: Readonly<Record<string, string | undefined>>, bind: Bind): string[] {
  const asked = Object.entries(columns).filter(([, value]) => value !== undefined);
  return asked.map(([column, value]) => `${column} = ${bind(value)}`);
}

function timesIn({ since, until }: TrailQuery, bind: Bind): string[] {
  const conditions: string[] = [];
  if (since !== undefined) conditions.push(`at >= ${bind(since)}`);
  if (until !== undefined) conditions.push(`at < ${bind(until)}`);
  return conditions;
}

function placesOf({ after, before }: Places, bind: Bind): string[] {
  const conditions: string[] = [];
  if (after !== null) conditions.push(`seq > ${bind(after)}`);
  if (before !== null) conditions.push(`seq < ${bind(before)}`);
  return conditions;
}

function older(query: TrailQuery, bind: Bind): string[] {
  const key = after(query, 1)?.[0];
  if (key === undefined) return [];
  const seq = /^\d{1,16}$/.test(key) ? Number(key) : NaN;
  if (!Number.isSafeInteger(seq))
    throw new InvalidRequest([{ field: 'cursor', error: 'is not a cursor of this list' }]);
  return [`seq < ${bind(seq)}`];
}
