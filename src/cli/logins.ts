import { chmodSync, readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { environment } from './environment.js';
import { EXIT, Failure, systemCode, systemReason } from './failure.js';
import { makeFolders, PRIVATE_FILE, PRIVATE_FOLDER, writeFile } from './files.js';
import { isRecord, parsed } from './json.js';
import { withLock } from './login-lock.js';
import { warn } from './terminal.js';
import { unbroken } from './unbroken.js';

// Saved logins, one for each server, readable by this user alone. A credential is found under the server that it was
// saved for and under no other.

export type Session = Readonly<{
  accessToken: string;
  refreshToken: string;
  /** RFC 3339 */ expiresAt: string;
}>;

/** `who` is for people: a user name, or a token's. */
export type Login = Readonly<{ who: string }> &
  (Readonly<{ session: Session }> | Readonly<{ token: string }>);

export type Logins = Readonly<{
  /** The server of the latest login: where commands go that name none. */
  current: string | null;
  logins: Readonly<Record<string, Login>>;
}>;

const NONE: Logins = { current: null, logins: {} };

export function loginsPath(): string {
  const configured = environment()['XDG_CONFIG_HOME'];
  // A relative one means nothing (XDG Base Directory Specification).
  if (configured !== undefined && isAbsolute(configured))
    return join(configured, 'coffer', 'credentials.json');
  return join(home(), '.config', 'coffer', 'credentials.json');
}

/** The user's home. Throws when there is none. */
export function home(): string {
  const given = environment()['HOME'];
  if (given !== undefined && isAbsolute(given)) return given;
  // A relative one would lie in whatever folder one is in, and a stranger's checkout could bring logins along.
  const known = homeInUserList();
  if (known !== null && isAbsolute(known)) return known;
  throw new Failure(EXIT.configuration, 'There is no home folder: set HOME or XDG_CONFIG_HOME.');
}

function homeInUserList(): string | null {
  try {
    return userInfo().homedir;
  } catch {
    return null;
  }
}

/** Nothing saved, and no place to save in, are both no logins. */
export function readLogins(): Logins {
  let path: string;
  try {
    path = loginsPath();
  } catch {
    return NONE;
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    // A container may have a home that its user cannot enter: with a token in the environment none is needed.
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCode(error) ?? '')) return NONE;
    throw new Failure(
      EXIT.configuration,
      `The saved logins in ${path} cannot be read: ${systemReason(error)}.`,
    );
  }
  closeToOthers(path);
  const found = loginsFrom(text);
  if (found !== null) return found;
  throw new Failure(
    EXIT.configuration,
    `The saved logins in ${path} are broken: remove the file and log in again.`,
  );
}

/** Changes what is saved, while no other command does. `change` sees the present state. */
export async function changeLogins<T>(change: (logins: Logins) => Promise<readonly [Logins, T]>): Promise<T> {
  const path = loginsPath();
  makeFolder(dirname(path));
  return withLock(`${path}.lock`, () =>
    unbroken(async () => {
      const present = readLogins();
      const [changed, result] = await change(present);
      if (changed !== present)
        writeFile(path, `${JSON.stringify(changed, null, 2)}\n`, { mode: PRIVATE_FILE, replacesLink: true });
      return result;
    }),
  );
}

function makeFolder(path: string): void {
  try {
    makeFolders(path);
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, PRIVATE_FOLDER);
  } catch (error) {
    throw new Failure(EXIT.configuration, `Logins cannot be saved in ${path}: ${systemReason(error)}.`);
  }
}

function closeToOthers(path: string): void {
  try {
    if ((statSync(dirname(path)).mode & 0o077) !== 0) chmodSync(dirname(path), PRIVATE_FOLDER);
    if ((statSync(path).mode & 0o077) === 0) return;
    chmodSync(path, PRIVATE_FILE);
    warn(
      `the saved logins in ${path} were open to others, and are no longer. If somebody may have read them, log out and in again.`,
    );
  } catch {
    // It is somebody else's file, and theirs to close.
  }
}

function loginsFrom(text: string): Logins | null {
  const data = parsed(text);
  if (!isRecord(data) || !isRecord(data['logins'])) return null;
  const { current, logins } = data;
  const found = Object.entries(logins).map(([server, login]) => [server, loginFrom(login)] as const);
  if (typeof current !== 'string' && current !== null) return null;
  const good = found.flatMap(([server, login]) => (login === null ? [] : [[server, login] as const]));
  return good.length === found.length ? { current, logins: Object.fromEntries(good) } : null;
}

function loginFrom(data: unknown): Login | null {
  if (!isRecord(data) || typeof data['who'] !== 'string') return null;
  const { who, token, session } = data;
  if (typeof token === 'string') return { who, token };
  if (!isRecord(session)) return null;
  const { accessToken, refreshToken, expiresAt } = session;
  if (typeof accessToken !== 'string' || typeof refreshToken !== 'string' || typeof expiresAt !== 'string') {
    return null;
  }
  return { who, session: { accessToken, refreshToken, expiresAt } };
}
