import { EXIT, Failure } from './failure.js';
import { isJson, refusal, stranger } from './api-error.js';
import type { Connection } from './http.js';
import { isRecord, parsed } from './json.js';
import { changeLogins, type Login, type Logins, type Session } from './logins.js';
import type { Credential } from './where.js';

/** A session is renewed when it has less than this left. */
const MARGIN_MS = 30_000;

/** What a client shows to its server, and how it gets another one. */
export class Bearer {
  #session: Session | null;
  readonly #token: string | null;
  readonly source: string;

  constructor(
    { value, source }: Credential,
    private readonly connection: Connection,
  ) {
    this.source = source;
    this.#session = 'session' in value ? value.session : null;
    this.#token = 'token' in value ? value.token : null;
  }

  /** A service token has no personal secrets. */
  get isServiceToken(): boolean {
    return this.#token?.startsWith('cofs_') ?? false;
  }

  async current(): Promise<string> {
    if (this.#token !== null) return this.#token;
    if (this.#session === null) throw ended(this.connection.server);
    if (Date.parse(this.#session.expiresAt) - Date.now() > MARGIN_MS) return this.#session.accessToken;
    return this.#renewed(this.#session);
  }

  /** Another one after the server refused `refused`; null when there is none to be had. */
  async after(refused: string): Promise<string | null> {
    if (this.#session === null) return null;
    if (this.#session.accessToken !== refused) return this.#session.accessToken;
    return this.#renewed(this.#session);
  }

  #renewing: Promise<string> | null = null;

  /** Many requests may find the session expired at once; it is renewed once. */
  #renewed(session: Session): Promise<string> {
    this.#renewing ??= this.#renew(session).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #renew(session: Session): Promise<string> {
    const { server } = this.connection;
    this.#session = await changeLogins(async (logins): Promise<[Logins, Session]> => {
      const saved = Object.hasOwn(logins.logins, server) ? logins.logins[server] : undefined;
      // Somebody has logged out, or has saved a token in its place, and that is what shall stay.
      if (saved === undefined || !('session' in saved)) throw ended(server);
      // Another command was faster, or a new login was made meanwhile.
      if (saved.session.accessToken !== session.accessToken) return [logins, saved.session];
      const fresh = await refreshed(this.connection, session);
      const login: Login = { who: saved.who, session: fresh };
      return [{ ...logins, logins: { ...logins.logins, [server]: login } }, fresh];
    });
    return this.#session.accessToken;
  }
}

async function refreshed(connection: Connection, session: Session): Promise<Session> {
  const body = JSON.stringify({ refreshToken: session.refreshToken });
  const answer = await connection.send({ method: 'POST', path: '/auth/refresh', body });
  if (answer.status === 401) throw ended(connection.server);
  if (answer.status !== 200) throw refusal(answer, connection.server, null);
  const data = isJson(answer) ? parsed(answer.body.toString('utf8')) : undefined;
  const fresh = sessionFrom(data);
  if (fresh === null) throw stranger(answer, connection.server);
  return fresh;
}

/** What is saved of a session that the service has opened. */
export function sessionFrom(data: unknown): Session | null {
  if (!isRecord(data)) return null;
  const { accessToken, refreshToken, expiresIn } = data;
  if (typeof accessToken !== 'string' || typeof refreshToken !== 'string' || typeof expiresIn !== 'number')
    return null;
  return { accessToken, refreshToken, expiresAt: new Date(Date.now() + expiresIn * 1000).toISOString() };
}

function ended(server: string): Failure {
  return new Failure(
    EXIT.denied,
    `The saved login for ${server} has ended. Log in again: coffer login --server ${server}`,
  );
}
