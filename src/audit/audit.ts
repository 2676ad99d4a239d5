import { createHistogram } from 'node:perf_hooks';
import { Injectable } from '@nestjs/common';
import { Database, orCutOff } from '../database/database.js';
import {
  firstRow,
  prepared,
  rows,
  type OrgTransaction,
  type Transaction,
  type UserTransaction,
} from '../database/transaction.js';
import { actorOf, type Caller } from '../access/caller.js';
import { isRetryable } from '../database/postgres-errors.js';
import { CofferError, Unavailable } from '../errors/errors.js';
import type { AuditEvent, AuditRecord } from './audit-event.js';
import { genesis, link, type Chain, type Head, type Link } from './hash-chain.js';
import { HeadSigner } from './head-signer.js';

/** Without its record within this time nothing is answered. */
export const RECORD_DEADLINE_MS = 2_000;

/**
 * Writes the trail. `record` is the last statement before the commit of whatever it records: the change and its record are one
 * transaction, and a value leaves only after that commit. Where the record cannot be written the whole transaction fails.
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
    await this.append(tx, { kind: 'org', id: orgId }, record);
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
    const failure = (): Error => new Unavailable('audit', 'the record was not written in time');
    try {
      await orCutOff(tx, RECORD_DEADLINE_MS, this.appendNow(tx, chain, record), failure);
      this.durations.record(process.hrtime.bigint() - begun);
    } catch (error) {
      if (error instanceof CofferError || isRetryable(error)) throw error;
      throw new Unavailable('audit', error);
    }
  }

  private async appendNow(tx: Transaction, chain: Chain, record: AuditRecord): Promise<void> {
    const last = await this.lockHead(tx, chain);
    const at = new Date().toISOString();
    const event = link(last, record, at);
    await insert(tx, chain, event, this.signer.sign(event, at));
  }

  /** Locks the chain and returns its last link, having made sure that this service signed it. */
  private async lockHead(tx: Transaction, chain: Chain): Promise<Link> {
    const head = await readHead(tx, chain, 'for update');
    if (head === null) {
      const table = TABLES[chain.kind];
      const start = this.signer.sign(genesis(chain), new Date(0).toISOString());
      await rows(
        tx,
        `insert into ${table.heads} (${table.owner}, seq, hash, at, signature) values ($1, $2, $3, $4, $5) on conflict do nothing`,
        [
          chain.id,
          start.seq,
          Buffer.from(start.hash, 'hex'),
          start.at,
          Buffer.from(start.signature, 'base64'),
        ],
      );
      return this.lockHead(tx, chain);
    }
    if (!this.signer.isOurs(head))
      throw new Unavailable('audit', `the head of ${chain.kind} ${chain.id} is not signed by this service`);
    return head;
  }
}

export const TABLES = {
  org: { events: 'org_events', heads: 'org_chain_heads', owner: 'org_id' },
  user: { events: 'user_events', heads: 'user_chain_heads', owner: 'user_id' },
} as const;

const STATEMENTS = { org: statementsOf('org'), user: statementsOf('user') } as const;

function statementsOf(kind: Chain['kind']) {
  const { events, heads, owner } = TABLES[kind];
  const head = `select seq, hash, at, signature from ${heads} where ${owner} = $1`;
  return {
    head: prepared(head),
    headLocked: prepared(`${head} for update`),
    // One statement: the event, and the head that points to it.
    insert: prepared(`
      with moved as (update ${heads} set seq = $2, hash = $18, at = $3, signature = $19 where ${owner} = $1)
      insert into ${events} (${owner}, seq, at, actor_type, actor_id, actor_name, action, outcome, project,
        environment, secret, many, resource, ip, user_agent, request_id, prev_hash, hash)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`),
  };
}

type HeadRow = Readonly<{ seq: string; hash: Buffer; at: Date; signature: Buffer }>;

/** The last link of a chain with its signature, or null before its first event. */
export async function readHead(
  tx: Transaction,
  chain: Chain,
  lock: 'for update' | '' = '',
): Promise<Head | null> {
  const { head, headLocked } = STATEMENTS[chain.kind];
  const row = await firstRow<HeadRow>(tx, lock === '' ? head : headLocked, [chain.id]);
  if (row === undefined) return null;
  return {
    seq: Number(row.seq),
    hash: row.hash.toString('hex'),
    at: row.at.toISOString(),
    signature: row.signature.toString('base64'),
  };
}

async function insert(tx: Transaction, chain: Chain, event: AuditEvent, head: Head): Promise<void> {
  await rows(tx, STATEMENTS[chain.kind].insert, [
    chain.id,
    event.seq,
    event.at,
    event.actor.type,
    event.actor.id,
    event.actor.name,
    event.action,
    event.outcome,
    event.resource.project ?? null,
    event.resource.environment ?? null,
    event.resource.secret ?? null,
    event.resource.secrets !== undefined,
    JSON.stringify(event.resource),
    event.ip,
    event.userAgent,
    event.requestId,
    Buffer.from(event.prevHash, 'hex'),
    Buffer.from(event.hash, 'hex'),
    Buffer.from(head.signature, 'base64'),
  ]);
}
