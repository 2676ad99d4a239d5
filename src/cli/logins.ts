import {
  chmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  closeSync,
  rmSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { environment } from './environment.js';
import { EXIT, Failure, systemCode, systemReason } from './failure.js';
import { PRIVATE_FILE, PRIVATE_FOLDER, writeFile } from './files.js';
import { isRecord, parsed } from './json.js';

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
const LOCK_WAIT_MS = 20_000;
const LOCK_STALE_MS = 60_000;

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
  try {
    return homedir();
  } catch {
    throw new Failure(EXIT.configuration, 'There is no home folder: set HOME or XDG_CONFIG_HOME.');
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
  const unlock = await lock(`${path}.lock`);
  try {
    const present = readLogins();
    const [changed, result] = await change(present);
    if (changed !== present)
      writeFile(path, `${JSON.stringify(changed, null, 2)}\n`, { mode: PRIVATE_FILE, replacesLink: true });
    return result;
  } finally {
    unlock();
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER });
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, PRIVATE_FOLDER);
  } catch (error) {
    throw new Failure(EXIT.configuration, `Logins cannot be saved in ${path}: ${systemReason(error)}.`);
  }
}

/** Two commands that refresh one session at once would end it: the second brings a used token back. */
async function lock(path: string): Promise<() => void> {
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      closeSync(openSync(path, 'wx', PRIVATE_FILE));
      return () => {
        rmSync(path, { force: true });
      };
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') {
        throw new Failure(
          EXIT.configuration,
          `Logins cannot be saved in ${dirname(path)}: ${systemReason(error)}.`,
        );
      }
    }
    const made = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (made !== undefined && Date.now() - made > LOCK_STALE_MS) rmSync(path, { force: true });
    else if (Date.now() > deadline)
      throw new Failure(EXIT.failed, `Another command holds ${path}: wait for it, or remove the file.`);
    else await pause(50);
  }
}

function closeToOthers(path: string): void {
  try {
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, PRIVATE_FILE);
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
