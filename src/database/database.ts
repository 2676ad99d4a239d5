import { Injectable } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { DataSource, type QueryRunner } from 'typeorm';
import { Unavailable } from '../errors/errors.js';
import { isRetryable, translateOutage } from './postgres-errors.js';
import { Shares } from './shares.js';
import { compareStamps, Outdated, type Expected } from './stamps.js';
import {
  lastOf,
  prepared,
  rows,
  send,
  type OrgTransaction,
  type Prepared,
  type Statement,
  type Transaction,
  type UserTransaction,
  type WriterTransaction,
} from './transaction.js';

/** A transaction that has not ended by then is cut off, whatever the server or the network does. */
export const TRANSACTION_DEADLINE_MS = 8_000;
const SILENCE_MS = 3_000;
const ATTEMPTS = 3;

/** Of the pool, which has 20: two that are held up leave enough to everybody else. */
const CONNECTIONS_OF_ONE = 8;
const SHARE_PATIENCE_MS = 2_000;
/** One writes while the next one comes to the lock: more than that would only wait for it. */
const WRITERS_OF_AN_ENVIRONMENT = 2;
/** As long as a statement waits for a lock. */
const WRITER_PATIENCE_MS = 5_000;

/**
 * The one door to PostgreSQL. Every piece of work says whose rows it may touch: those of one organisation, of one user, or the shared
 * ones. Row-level security holds it to that; outside of such a block a query sees no row of a tenant at all.
 * A transaction is a visible block: committed when the work returns, rolled back when it throws.
 */
@Injectable()
export class Database {
  private readonly shares = new Shares(CONNECTIONS_OF_ONE, SHARE_PATIENCE_MS);
  private readonly writers = new Shares(WRITERS_OF_AN_ENVIRONMENT, WRITER_PATIENCE_MS);

  constructor(private readonly dataSource: DataSource) {}

  /**
   * Work on the rows of one organisation. `work` may run again after a deadlock: it must do nothing but database work. With something
   * `expected`, nothing is committed and nothing that `work` throws is told unless it holds: `Outdated` is thrown instead.
   */
  forOrg<T>(orgId: string, work: (tx: OrgTransaction) => Promise<T>, expected?: Expected): Promise<T> {
    return this.shares.with(orgId, () =>
      this.inTransaction(
        { ...TENANT, parameters: ['coffer.org_id', orgId] },
        (tx) => work(tx as OrgTransaction),
        expected,
      ),
    );
  }

  /**
   * The same for a change of an environment's secrets. They are made one after another, and whoever waits for the lock in the database has a
   * connection and keeps the garbage of those before from being cleared away: so most of them wait here.
   */
  forWriter<T>(
    orgId: string,
    environmentId: string,
    work: (tx: WriterTransaction) => Promise<T>,
    expected?: Expected,
  ): Promise<T> {
    return this.writers.with(environmentId, () =>
      this.forOrg(orgId, (tx) => work(tx as WriterTransaction), expected),
    );
  }

  /** The same for the organisation of that slug, with its stamp as it was before the work; null, without any work, when there is none. */
  forOrgNamed<T>(
    slug: string,
    work: (tx: OrgTransaction, orgId: string, stamp: string) => Promise<T>,
  ): Promise<T | null> {
    return this.inTransaction({ ...TENANT_BY_SLUG, parameters: [slug] }, async (tx, entered) => {
      const [found] = await entered;
      return found === undefined ? null : work(tx as OrgTransaction, found.id, found.stamp ?? '');
    });
  }

  /** Work on the rows of one user: personal tables, and those rows of tenants that are the user's own. */
  forUser<T>(userId: string, work: (tx: UserTransaction) => Promise<T>): Promise<T> {
    return this.shares.with(userId, () =>
      this.inTransaction({ ...TENANT, parameters: ['coffer.user_id', userId] }, (tx) =>
        work(tx as UserTransaction),
      ),
    );
  }

  /** Work on a user and on an organisation that is done together or not at all: one transaction, with a name for each side of it. */
  forUserInOrg<T>(
    userId: string,
    orgId: string,
    work: (tx: UserTransaction, orgTx: OrgTransaction) => Promise<T>,
  ): Promise<T> {
    return this.shares.with(orgId, () =>
      this.inTransaction({ ...TENANT_AND_USER, parameters: [orgId, userId] }, (tx) =>
        work(tx as UserTransaction, tx as OrgTransaction),
      ),
    );
  }

  /**
   * One flush of the ledger: `read` locks and looks, and the statement that `write` makes of it flies together with the commit. The policies
   * of the audit tables know this list of organisations, those of no other table do. The server gives up a statement after `patienceMs`. It
   * is not tried again: when the connection is lost on the way, nobody knows whether it was committed.
   */
  forTrails<T>(
    orgIds: readonly string[],
    patienceMs: number,
    read: (tx: Transaction) => Promise<T>,
    write: (found: T) => Statement | null,
  ): Promise<T> {
    return this.connected(patienceMs * 2, async (client, tx) => {
      const begun = begin(client, { ...TRAILS, parameters: [orgIds.join(','), String(patienceMs)] });
      const [found] = await Promise.all([read(tx), begun]);
      const statement = write(found);
      await Promise.all([
        statement === null ? null : send(client, { ...statement, values: [...statement.values] }),
        send(client, 'commit'),
      ]);
      return found;
    });
  }

  /** The same when nothing has to be looked at first: all of it is one flight. Returns the rows of the statement. */
  forTrailsAhead<Row>(
    orgIds: readonly string[],
    patienceMs: number,
    { name, text, values }: Statement,
  ): Promise<Row[]> {
    return this.connected(patienceMs * 2, async (client) => {
      const [, added] = await Promise.all([
        begin(client, { ...TRAILS, parameters: [orgIds.join(','), String(patienceMs)] }),
        send(client, { name, text, values: [...values] }),
        send(client, 'commit'),
      ]);
      return added.rows as Row[];
    });
  }

  /** Work on tables that belong to nobody: users, sessions, organisations' slugs. */
  shared<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.inTransaction(null, work);
  }

  /** The pool as it is now: open connections, unused ones, and work that waits for one. */
  get connections(): Readonly<{ total: number; idle: number; waiting: number }> {
    const { master } = this.dataSource.driver as typeof this.dataSource.driver & { master: Pool };
    return { total: master.totalCount, idle: master.idleCount, waiting: master.waitingCount };
  }

  private async inTransaction<T>(entry: Entry | null, work: Work<T>, expected?: Expected): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.attempt(entry, work, expected);
      } catch (error) {
        if (attempt < ATTEMPTS && isRetryable(error)) continue;
        throw translateOutage(error);
      }
    }
  }

  private attempt<T>(entry: Entry | null, work: Work<T>, expected?: Expected): Promise<T> {
    return this.connected(TRANSACTION_DEADLINE_MS, async (client, tx) => {
      // What does not wait for each other's answers flies together: the beginning, the comparison, and the first statement of the work.
      const entered = begin(client, entry);
      const held = expected === undefined ? true : holds(tx, expected);
      const [result, begun, still] = await Promise.allSettled([work(tx, entered), entered, held]);
      if (begun.status === 'rejected') throw begun.reason;
      if (still.status === 'rejected') throw still.reason;
      if (!still.value) throw new Outdated();
      if (result.status === 'rejected') {
        // Whatever came after a statement that failed has failed as well, and says less.
        await lastOf(tx);
        throw result.reason;
      }
      // On the way of every statement, so that it leaves after all of them.
      await Promise.all([lastOf(tx), rows(tx, 'commit')]);
      return result.value;
    });
  }

  /** A connection for one transaction: cut off when it has not ended by the deadline, rolled back when the work throws. */
  private async connected<T>(
    deadlineMs: number,
    work: (client: PoolClient, tx: Transaction) => Promise<T>,
  ): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    const client = await connect(runner);
    const deadline = setTimeout(() => cutOff(client), deadlineMs);
    try {
      return await work(client, runner.manager);
    } catch (error) {
      await rollBack(client);
      throw error;
    } finally {
      clearTimeout(deadline);
      await runner.release();
    }
  }
}

/** The statement that says whose rows a transaction may touch, and whom it found. */
type Entry = Prepared & Readonly<{ parameters: readonly string[] }>;
type Entered = readonly Readonly<{ id: string; stamp?: string }>[];
type Work<T> = (tx: Transaction, entered: Promise<Entered>) => Promise<T>;

// `set local` takes no parameter; the third argument keeps the setting from surviving into the connection's next user.
const TENANT = prepared('select set_config($1, $2, true) as id');
const TENANT_AND_USER = prepared(
  `select set_config('coffer.org_id', $1, true) as id, set_config('coffer.user_id', $2, true)`,
);
const TENANT_BY_SLUG = prepared(
  `select set_config('coffer.org_id', org_id::text, true) as id, stamp
   from org_slugs join stamps on subject = org_id where slug = $1`,
);

// Flushes differ in size alone: a plan that is made anew for each of them costs more than it can be better.
const TRAILS = prepared(`
  select set_config('coffer.org_ids', $1, true) as id, set_config('statement_timeout', $2, true),
    set_config('lock_timeout', $2, true), set_config('plan_cache_mode', 'force_generic_plan', true)`);

/** Makes `promise` fail after `ms` and destroys the transaction's connection, so that nothing is sent on it any more. */
export async function orCutOff<T>(
  tx: Transaction,
  ms: number,
  promise: Promise<T>,
  failure: () => Error,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const client = (await tx.queryRunner?.connect()) as PoolClient | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      if (client !== undefined) cutOff(client);
      reject(failure());
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function holds(tx: Transaction, expected: Expected): Promise<boolean> {
  return (await compareStamps(tx, [expected]))(expected);
}

async function connect(runner: QueryRunner): Promise<PoolClient> {
  try {
    return (await runner.connect()) as PoolClient;
  } catch (error) {
    await runner.release();
    throw new Unavailable('database', error);
  }
}

/** Ends the socket without asking the server: its pending queries fail at once and the pool drops the connection. */
function cutOff(client: PoolClient): void {
  const { connection } = client as PoolClient & { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}

/** Both statements fly together: the connections are in pipeline mode. They wait for nobody, so a server that is silent then hangs. */
async function begin(client: PoolClient, entry: Entry | null): Promise<Entered> {
  let isAnswered = false;
  const silent = setTimeout(() => {
    // If it was this process that stood still, the answer is there and will be read first.
    setImmediate(() => {
      if (!isAnswered) cutOff(client);
    });
  }, SILENCE_MS);
  try {
    const begun = send(client, 'begin');
    if (entry === null) {
      await begun;
      return [];
    }
    const { name, text, parameters } = entry;
    const [, found] = await Promise.all([begun, send(client, { name, text, values: [...parameters] })]);
    return found.rows as Entered;
  } finally {
    isAnswered = true;
    clearTimeout(silent);
  }
}

async function rollBack(client: PoolClient): Promise<void> {
  try {
    await send(client, 'rollback');
  } catch {
    // Without its rollback a connection must not be used again.
    cutOff(client);
  }
}
