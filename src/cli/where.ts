import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setting } from './environment.js';
import { EXIT, Failure, systemCode, systemReason, usage } from './failure.js';
import { isRecord, parsed } from './json.js';
import { readLogins, type Login } from './logins.js';
import { environmentArgument, environmentFrom, type Environment } from './scope.js';
import { warn } from './terminal.js';

// Which server, which credential, which environment: for each the first place that says something. The credential of a
// saved login belongs to one server, and no file in a checkout can name a server, so that nothing sends it elsewhere.

export type Found<T> = Readonly<{ value: T; source: string }>;

export type Given = Readonly<{
  server?: string | undefined;
  tokenFile?: string | undefined;
  env?: string | undefined;
}>;

export const DEFAULT_SERVER = 'http://127.0.0.1:8080';
const PROJECT_FILE = '.coffer.json';

export function findServer(given: Given): Found<string> {
  if (given.server !== undefined) {
    const value = serverFrom(given.server);
    if (value === null) throw usage(notAServer('--server'));
    return { value, source: '--server' };
  }
  const set = setting('COFFER_SERVER');
  if (set !== undefined) {
    const value = serverFrom(set);
    if (value === null) throw new Failure(EXIT.configuration, notAServer('COFFER_SERVER'));
    return { value, source: 'COFFER_SERVER' };
  }
  const { current } = readLogins();
  if (current === null) return { value: DEFAULT_SERVER, source: 'the default' };
  const value = serverFrom(current);
  if (value === null) throw new Failure(EXIT.configuration, notAServer('the saved login'));
  return { value, source: 'the saved login' };
}

/** A server's address as it is kept: scheme, host, port, and a path if it has one. Null when it is none. */
export function serverFrom(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return null;
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return null;
  return url.origin + url.pathname.replace(/\/+$/, '');
}

function notAServer(source: string): string {
  return `${source} names no server: write an address such as https://coffer.example.com, without user, query or fragment.`;
}

export type Credential = Found<Readonly<{ token: string }> | Login>;

/** The credential for a server, or null when there is none. */
export function findCredential(given: Given, server: string): Credential | null {
  if (given.tokenFile !== undefined) {
    return { value: { token: readToken(given.tokenFile) }, source: `--token-file ${given.tokenFile}` };
  }
  const set = setting('COFFER_TOKEN');
  if (set !== undefined)
    return { value: { token: checkedToken(set, 'COFFER_TOKEN') }, source: 'COFFER_TOKEN' };
  const { logins } = readLogins();
  const login = Object.hasOwn(logins, server) ? logins[server] : undefined;
  return login === undefined ? null : { value: login, source: 'the saved login' };
}

function readToken(path: string): string {
  try {
    return checkedToken(readFileSync(path, 'utf8').trim(), `the file ${path}`);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(EXIT.denied, `The token file ${path} cannot be read: ${systemReason(error)}.`);
  }
}

/** A credential goes into a header as it is, so it must be one word. */
export function checkedToken(text: string, source: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]{1,8192}$/.test(token)) return token;
  throw new Failure(
    EXIT.denied,
    `There is no usable token in ${source}: it must be one word, as it was shown when it was made.`,
  );
}

/** The chosen environment, or null when none is chosen. */
export function findEnvironment(given: Given): Found<Environment> | null {
  if (given.env !== undefined) return { value: environmentArgument(given.env), source: '--env' };
  const set = setting('COFFER_ENV');
  if (set !== undefined) {
    const value = environmentFrom(set);
    if (value === null) throw usage('COFFER_ENV names no environment: write it as org/project/environment.');
    return { value, source: 'COFFER_ENV' };
  }
  return nearestProjectFile();
}

function nearestProjectFile(): Found<Environment> | null {
  for (let folder = currentFolder(); folder !== null; folder = parentOf(folder)) {
    const path = join(folder, PROJECT_FILE);
    const text = textOf(path);
    if (text !== null) return { value: environmentIn(path, text), source: path };
  }
  return null;
}

function environmentIn(path: string, text: string): Environment {
  const data = parsed(text);
  if (!isRecord(data)) throw broken(path, 'it is not one JSON object');
  const env = data['env'];
  const found = typeof env === 'string' ? environmentFrom(env) : null;
  if (found === null) throw broken(path, '"env" must be "org/project/environment"');
  const others = Object.keys(data).filter((key) => key !== 'env');
  if (others.includes('server')) warn(`${path} cannot name a server: “server” means nothing there.`);
  else if (others.length > 0) warn(`${path} says more than "env", which means nothing.`);
  return found;
}

function broken(path: string, reason: string): Failure {
  return new Failure(
    EXIT.configuration,
    `${path} is broken: ${reason}. Write it anew: coffer use org/project/environment`,
  );
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return null;
    throw new Failure(EXIT.configuration, `${path} cannot be read: ${systemReason(error)}.`);
  }
}

/** Null when the folder that the command was started in is gone. */
export function currentFolder(): string | null {
  try {
    return process.cwd();
  } catch {
    return null;
  }
}

function parentOf(folder: string): string | null {
  const parent = dirname(folder);
  return parent === folder ? null : parent;
}
