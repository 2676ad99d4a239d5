import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Actor, Origin } from '../../access/caller.js';
import { Audit } from '../../audit/audit.js';
import { Database } from '../../database/database.js';
import { firstRow, lastOf, prepared, rows, type UserTransaction } from '../../database/transaction.js';
import { CofferError } from '../../errors/errors.js';
import { Accounts, type Account } from '../users/accounts.js';
import { Passwords } from '../users/passwords.js';
import { countFailure, forgiveFailures, lockedOut } from './login-failures.js';
import type { LoginBody } from './session.requests.js';
import type { SessionView } from './session.view.js';
import { Sessions } from './sessions.js';

type User = NonNullable<Account['user']>;

const LOCK_UNCHANGED = prepared('select 1 from users where id = $1 and password_hash = $2 for share');

const NOBODY: Actor = { type: 'anonymous', id: null, name: null };

/**
 * Logging in. Whether an account exists is not to be learnt from the answer, its text or its duration: without one the same hash is
 * computed, the same failure counted, the same record written (and taken back).
 */
@Injectable()
export class LoginService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly accounts: Accounts,
    private readonly passwords: Passwords,
    private readonly sessions: Sessions,
  ) {}

  async logIn({ login, password }: LoginBody, origin: Origin): Promise<SessionView> {
    const { account, matches } = await this.passwords.inTurn(async () => {
      const found = await this.findUnlocked(login);
      return {
        account: found,
        matches: await this.passwords.matches(found.user?.password_hash ?? null, password),
      };
    });
    const { user } = account;
    const trail = user?.id ?? randomUUID();
    const session = await this.database.forUser(trail, (tx) =>
      user !== null && matches
        ? this.admit(tx, account.key, user, origin)
        : this.refuse(tx, account, trail, origin),
    );
    if (session === null) throw new CofferError('unauthorized', 'The login or the password is wrong.');
    return session;
  }

  private async findUnlocked(login: string): Promise<Account> {
    const account = await this.database.shared((tx) => this.accounts.find(tx, login));
    if (account.lockedFor !== null) throw lockedOut(account.lockedFor);
    return account;
  }

  /** Null when the password was changed while it was being compared. */
  private async admit(
    tx: UserTransaction,
    key: string,
    user: User,
    origin: Origin,
  ): Promise<SessionView | null> {
    const [seconds, unchanged] = await Promise.all([
      forgiveFailures(tx, key),
      firstRow(tx, LOCK_UNCHANGED, [user.id, user.password_hash]),
    ]);
    if (seconds !== null) throw lockedOut(seconds);
    if (unchanged === undefined) return null;
    const { id, view, written } = this.sessions.start(tx, user, origin);
    const recorded = this.audit.recordForUser(tx, user.id, {
      actor: { type: 'user', id: user.id, name: user.username },
      origin,
      action: 'user.login',
      resource: { session: id },
      outcome: 'allowed',
    });
    await Promise.all([written, recorded]);
    return view;
  }

  private async refuse(
    tx: UserTransaction,
    { key, user }: Account,
    trail: string,
    origin: Origin,
  ): Promise<null> {
    const counted = await countFailure(tx, key);
    if (counted.kind === 'was-locked') throw lockedOut(counted.seconds);
    await rows(tx, 'savepoint before_record');
    await this.audit.recordForUser(tx, trail, {
      actor: NOBODY,
      origin,
      action: 'user.login',
      resource: counted.locked ? { locked: true } : {},
      outcome: 'denied',
    });
    // The same wait for both: only what is on record may be taken back.
    await lastOf(tx);
    await rows(tx, user === null ? 'rollback to savepoint before_record' : 'release savepoint before_record');
    return null;
  }
}
