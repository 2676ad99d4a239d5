import { createHistogram } from 'node:perf_hooks';
import { Injectable } from '@nestjs/common';
import { Database, orCutOff } from '../database/database.js';
import {
  commitWith,
  rows,
  type OrgTransaction,
  type Transaction,
  type UserTransaction,
} from '../database/transaction.js';
import { actorOf, type Caller } from '../access/caller.js';
import { isRetryable } from '../database/postgres-errors.js';
import { CofferError, Unavailable } from '../errors/errors.js';
import { listed, type AuditRecord } from './audit-event.js';
import { beginChain, oneMoreOf, readHead } from './event-rows.js';
import { link, type Chain, type Link } from './hash-chain.js';
import { HeadSigner } from './head-signer.js';

/** Without its record within this time nothing is answered. */
export const RECORD_DEADLINE_MS = 2_000;

/**
 * Writes the trail. `record` sends the last statement before the commit of whatever it records, and the commit flies with it: the change and
 * its record are one transaction, and a value leaves only after that commit. Where the record cannot be written the whole transaction fails.
 */
@Injectable()
export class Audit {
  /** How long records took to be written, in nanoseconds. */
  readonly durations = createHistogram();

  constructor(
    private readonly database: Database,
    private readonly signer: HeadSigner,
  ) {}

  /** Adds to the organisation's chain, inside its own transaction. */
  async record(tx: OrgTransaction, orgId: string, record: AuditRecord): Promise<void> {
    await this.append(tx, { kind: 'org', id: orgId }, listed(record));
  }

  /** Adds to the user's own chain. */
  async recordForUser(tx: UserTransaction, userId: string, record: AuditRecord): Promise<void> {
    await this.append(tx, { kind: 'user', id: userId }, record);
  }

  /** A refusal changes nothing else, so it is a transaction of its own; the refusal is answered only once it is durable. */
  async refused(
    caller: Caller,
    orgId: string | null,
    action: string,
    resource: AuditRecord['resource'],
  ): Promise<void> {
    const record = {
      actor: actorOf(caller),
      origin: caller.origin,
      action,
      resource,
      outcome: 'denied',
    } as const;
    try {
      if (orgId !== null) await this.database.forOrg(orgId, (tx) => this.record(tx, orgId, record));
      else if (caller.kind === 'service') {
        await this.database.forOrg(caller.org.id, (tx) => this.record(tx, caller.org.id, record));
      } else {
        const { id } = caller.user;
        await this.database.forUser(id, (tx) => this.recordForUser(tx, id, record));
      }
    } catch (error) {
      throw error instanceof CofferError ? error : new Unavailable('audit', error);
    }
  }

  private async append(tx: Transaction, chain: Chain, record: AuditRecord): Promise<void> {
    const begun = process.hrtime.bigint();
    const previous = await inTime(tx, this.lockHead(tx, chain));
    const at = new Date().toISOString();
    const event = link(previous, record, at);
    const statement = oneMoreOf(chain.kind, event, record.list, chain.id, this.signer.sign(event, at));
    const written = inTime(tx, rows(tx, statement, statement.values)).then(() => {
      this.durations.record(process.hrtime.bigint() - begun);
    });
    commitWith(tx, written);
  }

  /** Locks the chain and returns its last link, having made sure that this service signed it. */
  private async lockHead(tx: Transaction, chain: Chain): Promise<Link> {
    const head = await readHead(tx, chain, 'for update');
    if (head === null) {
      await beginChain(tx, chain, this.signer);
      return this.lockHead(tx, chain);
    }
    if (!this.signer.isOurs(head))
      throw new Unavailable('audit', `the head of ${chain.kind} ${chain.id} is not signed by this service`);
    return head;
  }
}

/** What takes longer is cut off with its transaction. Its commit may be on the way already: then both are there, or neither. */
async function inTime<T>(tx: Transaction, step: Promise<T>): Promise<T> {
  const failure = (): Error => new Unavailable('audit', 'the record was not written in time');
  try {
    return await orCutOff(tx, RECORD_DEADLINE_MS, step, failure);
  } catch (error) {
    if (error instanceof CofferError || isRetryable(error)) throw error;
    throw new Unavailable('audit', error);
  }
}
