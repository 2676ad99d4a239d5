import { Injectable } from '@nestjs/common';
import type { Origin } from '../../access/caller.js';
import { Audit } from '../../audit/audit.js';
import { Database } from '../../database/database.js';
import { firstRow, rows, type UserTransaction } from '../../database/transaction.js';
import { CofferError } from '../../errors/errors.js';
import { isHashOf, readToken } from '../../access/token-format.js';
import { findUser } from '../users/accounts.js';
import type { UserRow } from '../users/user.view.js';
import type { SessionView } from './session.view.js';
import { SESSION_LIFE, Sessions } from './sessions.js';

type FoundToken = Readonly<{ id: string; hash: Buffer; session_id: string; user_id: string }>;

/**
 * Refreshing a session: every refresh token is good once. One that comes back was stolen, or its thief's came first: nobody can tell which, so the
 * whole session ends.
 */
@Injectable()
export class RefreshService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly sessions: Sessions,
  ) {}

  async refresh(text: string, origin: Origin): Promise<SessionView> {
    const token = await this.find(text);
    if (token === null) throw refused();
    const view = await this.database.forUser(token.user_id, (tx) => this.rotate(tx, token, origin));
    if (view === null) throw refused();
    return view;
  }

  private async find(text: string): Promise<FoundToken | null> {
    const name = readToken(text);
    if (name?.kind !== 'refresh') return null;
    const found = await this.database.shared((tx) =>
      firstRow<FoundToken>(
        tx,
        `select r.id, r.hash, r.session_id, s.user_id from refresh_tokens r join sessions s on s.id = r.session_id
         where r.id = $1`,
        [name.id],
      ),
    );
    return found !== undefined && isHashOf(found.hash, text) ? found : null;
  }

  /** Null when the session has ended, or ends with this. */
  private async rotate(tx: UserTransaction, token: FoundToken, origin: Origin): Promise<SessionView | null> {
    const alive = await firstRow(
      tx,
      `update sessions set expires_at = now() + ${SESSION_LIFE}, last_used_at = now()
       where id = $1 and expires_at > now() returning id`,
      [token.session_id],
    );
    if (alive === undefined) return null;
    const user = await findUser(tx, token.user_id);
    const fresh = await firstRow(
      tx,
      'update refresh_tokens set used_at = now() where id = $1 and used_at is null returning id',
      [token.id],
    );
    if (fresh !== undefined) return this.sessions.goOn(tx, token.session_id, user);
    await this.endStolen(tx, token, user, origin);
    return null;
  }

  private async endStolen(
    tx: UserTransaction,
    token: FoundToken,
    user: UserRow,
    origin: Origin,
  ): Promise<void> {
    await rows(tx, 'delete from sessions where id = $1', [token.session_id]);
    await this.audit.recordForUser(tx, user.id, {
      actor: { type: 'user', id: user.id, name: user.username },
      origin,
      action: 'session.refresh',
      resource: { session: token.session_id, reused: true },
      outcome: 'denied',
    });
  }
}

function refused(): CofferError {
  return new CofferError('unauthorized', 'The refresh token does not hold any more: log in again.');
}
