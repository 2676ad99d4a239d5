import { Injectable } from '@nestjs/common';
import type { Access } from '../../access/access.js';
import { actorOf } from '../../access/caller.js';
import { allowed } from '../../audit/audit-event.js';
import { Audit } from '../../audit/audit.js';
import { Database } from '../../database/database.js';
import { firstRow, rows, type UserTransaction } from '../../database/transaction.js';
import { InvalidRequest, Unexpected } from '../../errors/errors.js';
import { countFailure, forgiveFailures, lockedFor, lockedOut } from '../sessions/login-failures.js';
import { currentSession } from '../sessions/sessions.js';
import { accountKey } from './accounts.js';
import { Passwords } from './passwords.js';
import type { PasswordBody } from './user.requests.js';

const ACTION = 'user.password-change';

/** Changing one's password. A wrong present one counts like a failed login: an open session is no place to guess it. */
@Injectable()
export class PasswordChangeService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly passwords: Passwords,
  ) {}

  async change(access: Access<'user'>, body: PasswordBody): Promise<void> {
    const { stored, matches } = await this.passwords.inTurn(async () => {
      const found = await this.findUnlocked(access.user.id);
      return { stored: found, matches: await this.passwords.matches(found, body.current) };
    });
    const replacement = matches ? await this.passwords.hash(body.new) : null;
    const changed = await this.database.forUser(access.user.id, (tx) =>
      replacement === null ? this.refuse(tx, access) : this.replace(tx, access, stored, replacement),
    );
    if (!changed) throw new InvalidRequest([{ field: 'current', error: 'is not your password' }]);
  }

  private async findUnlocked(userId: string): Promise<string> {
    const found = await this.database.shared((tx) =>
      firstRow<{ password_hash: string; locked_for: number | null }>(
        tx,
        `select password_hash, ${lockedFor('$2')} as locked_for from users where id = $1`,
        [userId, accountKey(userId)],
      ),
    );
    if (found === undefined) throw new Unexpected('a user who was just authenticated is gone');
    if (found.locked_for !== null) throw lockedOut(found.locked_for);
    return found.password_hash;
  }

  /** False when another change came first: what was given as the present password is none any more. */
  private async replace(
    tx: UserTransaction,
    access: Access<'user'>,
    stored: string,
    replacement: string,
  ): Promise<boolean> {
    const { id } = access.user;
    const seconds = await forgiveFailures(tx, accountKey(id));
    if (seconds !== null) throw lockedOut(seconds);
    const replaced = await firstRow(
      tx,
      'update users set password_hash = $3 where id = $1 and password_hash = $2 returning id',
      [id, stored, replacement],
    );
    if (replaced === undefined) return false;
    await rows(tx, 'delete from sessions where user_id = $1 and id is distinct from $2', [
      id,
      currentSession(access),
    ]);
    await this.audit.recordForUser(tx, id, allowed(access, ACTION, {}));
    return true;
  }

  private async refuse(tx: UserTransaction, access: Access<'user'>): Promise<false> {
    const { id } = access.user;
    const counted = await countFailure(tx, accountKey(id));
    if (counted.kind === 'was-locked') throw lockedOut(counted.seconds);
    await this.audit.recordForUser(tx, id, {
      actor: actorOf(access.caller),
      origin: access.origin,
      action: ACTION,
      resource: counted.locked ? { locked: true } : {},
      outcome: 'denied',
    });
    return false;
  }
}
