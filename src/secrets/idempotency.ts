import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { AnyAccess } from '../access/access.js';
import { actorOf } from '../access/caller.js';
import { ServiceKeys } from '../crypto/service-keys.js';
import { firstRow, rows, type OrgTransaction } from '../database/transaction.js';
import { Conflict, type Details } from '../errors/errors.js';
import type { ChangesRequest } from './change.requests.js';
import type { ChangesView } from './change.view.js';

const KEY = /^[\x21-\x7e]{1,255}$/;
const REMEMBERED = `interval '24 hours'`;

/** How many forgotten answers each new one clears away. */
const SWEPT_AT_ONCE = 20;

/** A request that may come again: whose it is, under which key, and what it asks for, as a keyed digest. */
export type Repeatable = Readonly<{ caller: string; key: string; digest: Buffer }>;

/**
 * Answers under an `Idempotency-Key`, for a day: who sends the same again learns what came of it the first time. An answer stands in the
 * transaction of its changes, so there is never one without the other, and whoever looks for one holds the environment's lock.
 */
@Injectable()
export class Idempotency {
  private readonly digestKey: Buffer;

  constructor(keys: ServiceKeys) {
    this.digestKey = keys.derive('idempotency');
  }

  /** What is wrong with a key, if there is one. */
  static problems(key: string | undefined): Details {
    if (key === undefined || KEY.test(key)) return [];
    return [{ field: 'Idempotency-Key', error: 'must have 1 to 255 visible ASCII characters' }];
  }

  repeatable(access: AnyAccess, key: string, request: ChangesRequest): Repeatable {
    const { type, id } = actorOf(access.caller);
    const caller = `${type}:${id ?? ''}`;
    const steps = request.changes.map((change) => {
      const { op, name } = change;
      if (op === 'set') return [op, name, change.value.reveal()];
      return op === 'delete' ? [op, name] : [op, name, change.description];
    });
    const asked = JSON.stringify([access.environment.id, caller, key, request.ifRevision ?? null, steps]);
    return { caller, key, digest: createHmac('sha256', this.digestKey).update(asked, 'utf8').digest() };
  }

  /** What came of it the first time, or null when this is the first time. Another request under the same key is refused. */
  async answerTo(tx: OrgTransaction, access: AnyAccess, request: Repeatable): Promise<ChangesView | null> {
    const row = await firstRow<{ body_digest: Buffer; revision: string; applied: number }>(
      tx,
      `select body_digest, revision, applied from idempotent_changes
       where org_id = $1 and environment_id = $2 and caller = $3 and key = $4 and created_at > now() - ${REMEMBERED}`,
      [access.org.id, access.environment.id, request.caller, request.key],
    );
    if (row === undefined) return null;
    if (!timingSafeEqual(row.body_digest, request.digest)) {
      throw new Conflict(
        'This Idempotency-Key was used for another request: take a new key for new changes.',
      );
    }
    return { revision: Number(row.revision), applied: row.applied };
  }

  /** Keeps the answer for whoever asks again, and forgets some that nobody can ask for any more. */
  async remember(
    tx: OrgTransaction,
    access: AnyAccess,
    request: Repeatable,
    answer: ChangesView,
  ): Promise<void> {
    await rows(
      tx,
      `delete from idempotent_changes where (org_id, environment_id, caller, key) in (
         select org_id, environment_id, caller, key from idempotent_changes
         where org_id = $1 and environment_id = $2 and created_at <= now() - ${REMEMBERED}
         order by caller = $3 and key = $4 desc, created_at limit $5)`,
      [access.org.id, access.environment.id, request.caller, request.key, SWEPT_AT_ONCE],
    );
    await rows(
      tx,
      `insert into idempotent_changes (org_id, environment_id, caller, key, body_digest, revision, applied, created_at)
       values ($1, $2, $3, $4, $5, $6, $7, now())`,
      [
        access.org.id,
        access.environment.id,
        request.caller,
        request.key,
        request.digest,
        answer.revision,
        answer.applied,
      ],
    );
  }
}
