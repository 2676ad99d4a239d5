import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Access } from '../../access/access.js';
import type { Page } from '../../access/answer.js';
import type { Origin, UserCaller } from '../../access/caller.js';
import type { PageQuery } from '../../access/paging.js';
import { allowed } from '../../audit/audit-event.js';
import { Audit } from '../../audit/audit.js';
import { Database } from '../../database/database.js';
import {
  firstRow,
  prepared,
  rows,
  type Transaction,
  type UserTransaction,
} from '../../database/transaction.js';
import { InvalidRequest, NotFound, Unauthorized } from '../../errors/errors.js';
import { NEWEST_FIRST, newestFirst, olderThan, sliceOf } from '../../access/newest-first.js';
import { makeToken, type NewToken } from '../../access/token-format.js';
import { staleUse } from '../tokens/last-use.js';
import type { UserRow } from '../users/user.view.js';
import { isUuid } from '../../access/uuid.js';
import { AccessTokens, type AccessClaims } from './access-tokens.js';
import { OpenSessionView, SessionView, type SessionRow } from './session.view.js';

/** A session lives that long after its start or its last refresh. */
export const SESSION_LIFE = `interval '30 days'`;

type FoundSession = Readonly<{
  username: string;
  email: string;
  expires_at: Date;
  stamp: string;
  stale: boolean;
}>;

/** A new session, and its rows on their way. */
export type StartedSession = Readonly<{ id: string; view: SessionView; written: Promise<unknown> }>;

/** Sessions of people: started by a login, kept by refreshing, ended by deleting their row, which every request looks at. */
@Injectable()
export class Sessions {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly accessTokens: AccessTokens,
  ) {}

  /** Begins a session in the transaction of whatever earned it. Sessions of the user that ran out go with it. */
  start(tx: UserTransaction, user: UserRow, origin: Origin): StartedSession {
    const id = randomUUID();
    const refresh = newRefreshToken();
    const written = rows(tx, START, [id, user.id, origin.ip, origin.userAgent, refresh.id, refresh.hash]);
    return { id, view: this.view(id, user, refresh.text), written };
  }

  /** The next pair of tokens of a session that the transaction has locked. */
  async goOn(tx: Transaction, id: string, user: UserRow): Promise<SessionView> {
    const refresh = newRefreshToken();
    await rows(
      tx,
      'insert into refresh_tokens (id, session_id, hash, created_at) values ($1, $2, $3, now())',
      [refresh.id, id, refresh.hash],
    );
    return this.view(id, user, refresh.text);
  }

  private view(sessionId: string, user: UserRow, refreshToken: string): SessionView {
    const accessToken = this.accessTokens.sign({ userId: user.id, sessionId });
    return SessionView.of({ accessToken, refreshToken }, user);
  }

  /** The user of an access token whose signature holds: as they are now, if the session is still there. */
  async callerOf({ userId, sessionId, until }: AccessClaims, origin: Origin): Promise<UserCaller> {
    const found = await this.database.shared(async (tx) => {
      const row = await firstRow<FoundSession>(tx, SELECT_SESSION, [sessionId, userId]);
      if (row?.stale === true) {
        await rows(tx, `update sessions s set last_used_at = now() where s.id = $1 and ${staleUse('s')}`, [
          sessionId,
        ]);
      }
      return row;
    });
    if (found === undefined) throw new Unauthorized('the session has ended');
    const user = { id: userId, username: found.username, email: found.email };
    const basis = {
      stamps: [{ subject: userId, stamp: found.stamp }],
      until: Math.min(until, found.expires_at.getTime()),
    };
    return { kind: 'user', user, by: { kind: 'session', id: sessionId }, origin, basis };
  }

  /** Ends the session that asks: its access token stops with it. */
  async logOut(access: Access<'user'>): Promise<void> {
    const session = currentSession(access);
    if (session === null) {
      throw new InvalidRequest(
        [],
        'There is no session to end: a personal token is revoked at /auth/tokens/{id}.',
      );
    }
    await this.database.forUser(access.user.id, async (tx) => {
      await rows(tx, 'delete from sessions where id = $1', [session]);
      await this.audit.recordForUser(tx, access.user.id, allowed(access, 'user.logout', { session }));
    });
  }

  async list(access: Access<'user'>, query: PageQuery): Promise<Page<OpenSessionView>> {
    const slice = sliceOf(query);
    const found = await this.database.shared((tx) =>
      rows<SessionRow>(
        tx,
        `select id, created_at, last_used_at, expires_at, ip, user_agent from sessions
         where user_id = $1 and expires_at > now() and ${olderThan(2)} ${NEWEST_FIRST} limit $4`,
        [access.user.id, slice.createdAt, slice.id, slice.limit + 1],
      ),
    );
    const current = currentSession(access);
    return newestFirst(found, slice, (row) => OpenSessionView.of(row, current));
  }

  async end(access: Access<'user'>, id: string): Promise<void> {
    if (!isUuid(id)) throw new NotFound();
    const { user } = access;
    await this.database.forUser(user.id, async (tx) => {
      const ended = await firstRow(
        tx,
        'delete from sessions where id = $1 and user_id = $2 and expires_at > now() returning id',
        [id, user.id],
      );
      if (ended === undefined) throw new NotFound();
      await this.audit.recordForUser(tx, user.id, allowed(access, 'session.end', { session: id }));
    });
  }
}

// What has run out began at least one life ago: the index is by the beginning.
const START = prepared(`
  with over as (
      delete from sessions where user_id = $2 and expires_at <= now() and created_at <= now() - ${SESSION_LIFE}),
    session as (
      insert into sessions (id, user_id, created_at, last_used_at, expires_at, ip, user_agent)
      values ($1, $2, now(), now(), now() + ${SESSION_LIFE}, $3, $4))
  insert into refresh_tokens (id, session_id, hash, created_at) values ($5, $1, $6, now())`);

const SELECT_SESSION = prepared(`
  select u.username, u.email, s.expires_at, m.stamp, ${staleUse('s')} as stale
  from sessions s join users u on u.id = s.user_id join stamps m on m.subject = s.user_id
  where s.id = $1 and s.user_id = $2 and s.expires_at > now()`);

function newRefreshToken(): NewToken & { readonly id: string } {
  const id = randomUUID();
  return { id, ...makeToken({ kind: 'refresh', id }) };
}

/** The session that asks, or null when the credential is a personal token. */
export function currentSession(access: Access<'user'>): string | null {
  const { caller } = access;
  return caller.kind === 'user' && caller.by.kind === 'session' ? caller.by.id : null;
}
