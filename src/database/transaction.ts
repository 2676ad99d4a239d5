import { createHash } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { PoolClient, QueryConfig, QueryResult } from 'pg';
import type { EntityManager } from 'typeorm';
import { Unexpected } from '../errors/errors.js';

declare const tenant: unique symbol;
declare const writer: unique symbol;

/**
 * A transaction's `EntityManager` is the repository. The brand says whose rows it can see: a function that needs an organisation's
 * transaction cannot be handed a shared one.
 */
export type Transaction = EntityManager;
export type OrgTransaction = EntityManager & { readonly [tenant]: 'org' };
/** One that may write to an environment's secrets: it has waited for its turn among the writers of that environment. */
export type WriterTransaction = OrgTransaction & { readonly [writer]: true };
export type UserTransaction = EntityManager & { readonly [tenant]: 'user' };

/**
 * A statement that is sent so often that each connection keeps it parsed and planned. It may come to have one plan for all parameters: a
 * condition that only some of them switch on does not belong in it.
 */
export type Prepared = Readonly<{ name: string; text: string }>;

/** One with its parameters, ready to be sent. */
export type Statement = Prepared & Readonly<{ values: readonly unknown[] }>;

export function prepared(text: string): Prepared {
  return { name: createHash('sha256').update(text).digest('base64url').slice(0, 22), text };
}

/** Rows of a statement, typed by the caller, whose columns are the source of the truth. */
export async function rows<Row>(
  tx: Transaction,
  statement: string | Prepared,
  parameters: readonly unknown[] = [],
): Promise<Row[]> {
  const query =
    typeof statement === 'string' ? { text: statement } : { name: statement.name, text: statement.text };
  const { rows: found } = await send(await clientOf(tx), { ...query, values: [...parameters] });
  return found as Row[];
}

type Wired = PoolClient & { readonly connection: { readonly stream: Writable } };

/** What is sent in one turn of the event loop leaves in one write: each write costs more than what is in it. */
export function send(client: PoolClient, query: string | QueryConfig): Promise<QueryResult> {
  const { stream } = (client as Wired).connection;
  if (stream.writableCorked === 0) {
    stream.cork();
    process.nextTick(() => {
      stream.uncork();
    });
  }
  return typeof query === 'string' ? client.query(query) : client.query(query);
}

export async function firstRow<Row>(
  tx: Transaction,
  statement: string | Prepared,
  parameters: readonly unknown[] = [],
): Promise<Row | undefined> {
  return (await rows<Row>(tx, statement, parameters))[0];
}

const last = new WeakMap<Transaction, Promise<unknown>>();

/**
 * Lets the commit fly together with a statement that is on its way. If that fails, the database turns the commit into a rollback, and the
 * transaction fails with the statement's error. Whoever rolls back to a savepoint before it waits for `lastOf` first.
 */
export function commitWith(tx: Transaction, statement: Promise<unknown>): void {
  const all = Promise.all([lastOf(tx), statement]);
  // It is heard with the commit; there may be none, because something else fails first.
  all.catch(() => undefined);
  last.set(tx, all);
}

export function lastOf(tx: Transaction): Promise<unknown> | undefined {
  return last.get(tx);
}

/** The connection of a transaction that has not ended: after its end it may be in somebody else's. */
async function clientOf({ queryRunner }: Transaction): Promise<PoolClient> {
  const client = (await queryRunner?.connect()) as PoolClient | undefined;
  if (client === undefined || queryRunner?.isReleased !== false)
    throw new Unexpected('a statement came after the end of its transaction');
  return client;
}
