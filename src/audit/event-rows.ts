import { arrayLiteral, parameterOf, type Element } from '../database/array-literal.js';
import { firstRow, rows, type Statement, type Transaction } from '../database/transaction.js';
import { Unexpected } from '../errors/errors.js';
import { actOf } from './act.js';
import type { AuditEvent } from './audit-event.js';
import {
  EXPECTED,
  LISTED,
  MOVED,
  OF_EVENT,
  OF_SOURCE,
  PLAIN,
  RESTING,
  type Added,
  type Addition,
  type AheadAddition,
  type Column,
  type Source,
} from './event-columns.js';
import type { EventList } from './event-list.js';
import {
  ADD,
  ADD_AHEAD,
  HEAD,
  ONE_MORE_AHEAD,
  ONE_MORE_AHEAD_WITH_LIST,
  ONE_MORE_OF_ORG,
  ONE_MORE_OF_USER,
  ONE_MORE_WITH_LIST,
  TABLES,
} from './event-statements.js';
import { genesis, type Chain, type Head } from './hash-chain.js';
import type { HeadSigner } from './head-signer.js';

/** The rows of a trail: how its head is read and locked, and how links are added to it. Used by the audit and by the ledger alike. */

export type HeadRow = Readonly<{ owner: string; seq: string; hash: Buffer; at: Date; signature: Buffer }>;

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
  const values = [event.at, ...parametersOf(MOVED, { owner, head }), ...parametersOf(PLAIN, row)];
  if (kind === 'user') return { ...ONE_MORE_OF_USER, values };
  values.push(actOf(event));
  if (list === undefined) return { ...ONE_MORE_OF_ORG, values };
  return { ...ONE_MORE_WITH_LIST, values: [...values, parameterOf('bytea', list.digest), list.text] };
}

/**
 * The same for organisations whose heads are taken to be known: it adds only to those chains whose head is still that one and whose basis
 * holds, and returns their `owner`s.
 */
export function additionAhead(at: string, additions: readonly AheadAddition[]): Statement {
  const [first, second] = additions;
  if (first !== undefined && second === undefined && first.events.length === 1) return oneMoreAhead(first);
  const { values } = additionOf(at, additions);
  const resting = additions.flatMap(({ owner, basis }) => basis.stamps.map((stamp) => ({ owner, ...stamp })));
  return {
    ...ADD_AHEAD,
    values: [...values, ...arraysOf(EXPECTED, additions), ...arraysOf(RESTING, resting)],
  };
}

/** Where little is read, most flights have one event: that is worth a statement of its own. */
function oneMoreAhead(addition: AheadAddition): Statement {
  const { owner, events, lists, head, basis } = addition;
  const [event] = events;
  if (event === undefined) throw new Unexpected('an addition without an event');
  const list = lists.get(event);
  const { values } = oneMoreOf('org', event, list, owner, head);
  const [, ...expected] = parametersOf(EXPECTED, addition);
  const [, ...resting] = arraysOf(
    RESTING,
    basis.stamps.map((stamp) => ({ owner, ...stamp })),
  );
  const statement = list === undefined ? ONE_MORE_AHEAD : ONE_MORE_AHEAD_WITH_LIST;
  return { ...statement, values: [...values, ...expected, ...resting] };
}

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

function parametersOf<Row>(columns: readonly Column<Row>[], row: Row): Element[] {
  return columns.map(({ type, of }) => parameterOf(type, of(row)));
}
