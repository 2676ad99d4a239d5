// Every setting of the service: its name, its default, its rule. This is the only folder that looks at the
// environment of the process. A start with anything wrong in it is refused with all problems at once, each by the
// setting's name and never with its value; a setting that nobody knows is a problem too, since a mistyped name
// would otherwise leave a protection at its default without a word.

import { resolve } from 'node:path';
import { databaseUrlFromText } from './database-url.js';
import { Malformed } from './malformed.js';
import { listenAddressFromText, proxyRangesFromText, publicUrlFromText } from './network.js';
import { SEMANTIC_VERSION } from './semantic-version.js';
import type { ListenAddress } from './network.js';
import { rootKeyFromText } from './root-key.js';
import { unknownSettings } from './unknown-settings.js';

export type LogLevel = (typeof LOG_LEVELS)[number];
export type SignupMode = (typeof SIGNUP_MODES)[number];
export type GivenRootKey = Readonly<{ kind: 'inline'; key: Uint8Array } | { kind: 'file'; path: string }>;
export type RootKeySource = GivenRootKey | Readonly<{ kind: 'data-dir' }>;

export type Config = Readonly<{
  listen: ListenAddress;
  /** Without a slash at its end; null when it follows from the address that is really listened on. */
  publicUrl: string | null;
  /** Null for the embedded PostgreSQL. `migrationUrl` is the login that migrates, often the same. */
  database: Readonly<{ url: string; migrationUrl: string }> | null;
  /** Absolute. */
  dataDir: string;
  rootKey: RootKeySource;
  previousRootKey: GivenRootKey | null;
  keyProvider: 'local';
  signup: SignupMode;
  /** Normalised CIDRs. */
  trustedProxies: readonly string[];
  rateLimit: boolean;
  versionsKept: number;
  retentionDays: number;
  logLevel: LogLevel;
  metricsListen: ListenAddress | null;
  allowPrivateIssuers: boolean;
  /** A semantic version, or null when every client is served. */
  minClient: string | null;
}>;

export const SETTINGS = [
  'COFFER_LISTEN',
  'COFFER_PUBLIC_URL',
  'COFFER_DATABASE_URL',
  'COFFER_MIGRATION_DATABASE_URL',
  'COFFER_DATA_DIR',
  'COFFER_ROOT_KEY',
  'COFFER_ROOT_KEY_FILE',
  'COFFER_PREVIOUS_ROOT_KEY',
  'COFFER_PREVIOUS_ROOT_KEY_FILE',
  'COFFER_KEY_PROVIDER',
  'COFFER_SIGNUP',
  'COFFER_TRUSTED_PROXIES',
  'COFFER_RATE_LIMIT',
  'COFFER_VERSIONS_KEPT',
  'COFFER_RETENTION_DAYS',
  'COFFER_LOG_LEVEL',
  'COFFER_METRICS_LISTEN',
  'COFFER_ALLOW_PRIVATE_ISSUERS',
  'COFFER_MIN_CLIENT',
] as const;

type Setting = (typeof SETTINGS)[number];
type Environment = Readonly<Record<string, string | undefined>>;

/** Settings of the command line, which may well stand in the same environment. */
const SETTINGS_OF_THE_COMMAND = ['COFFER_TOKEN', 'COFFER_SERVER', 'COFFER_ENV'];

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const SIGNUP_MODES = ['open', 'invite', 'closed'] as const;
const KEY_PROVIDERS_TO_COME: readonly string[] = ['aws-kms', 'gcp-kms', 'vault-transit'];

/** Everything that is wrong with the settings, one sentence for each, in one error. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly string[]) {
    super(
      ['Coffer cannot start with these settings:', ...problems.map((problem) => `  ${problem}`)].join('\n'),
    );
  }
}

/** The settings of this process. Throws `ConfigError`. */
export const config = (): Config => readConfig(process.env);

/** The settings in an environment. Reads nothing else: whether a file or a server is there shows at its first use. Throws `ConfigError`. */
export function readConfig(env: Environment): Config {
  const problems: string[] = unknownSettings(env, [...SETTINGS, ...SETTINGS_OF_THE_COMMAND]);

  function read<T>(name: Setting, fallback: T, parse: (text: string) => T): T {
    const text = env[name];
    if (text === undefined) return fallback;
    try {
      if (text === '') throw new Malformed('is empty; leave it out or give it a value');
      if (text.includes('\0')) throw new Malformed('contains a NUL character');
      return parse(text);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      problems.push(`${name}: ${error.message}`);
      return fallback;
    }
  }

  function readKey(inline: Setting, file: Setting): GivenRootKey | null {
    if (env[inline] !== undefined && env[file] !== undefined) {
      problems.push(`${inline}: contradicts ${file}; give one of the two`);
    }
    const key = read<GivenRootKey | null>(inline, null, (text) => ({
      kind: 'inline',
      key: rootKeyFromText(text),
    }));
    const path = read<GivenRootKey | null>(file, null, (text) => ({ kind: 'file', path: resolve(text) }));
    return key ?? path;
  }

  const listen = read('COFFER_LISTEN', { host: '127.0.0.1', port: 8080 }, listenAddressFromText);
  const publicUrl = read('COFFER_PUBLIC_URL', null, publicUrlFromText);
  const databaseUrl = read('COFFER_DATABASE_URL', null, databaseUrlFromText);
  const migrationUrl = read('COFFER_MIGRATION_DATABASE_URL', databaseUrl, databaseUrlFromText);
  const rootKey = readKey('COFFER_ROOT_KEY', 'COFFER_ROOT_KEY_FILE');
  const previousRootKey = readKey('COFFER_PREVIOUS_ROOT_KEY', 'COFFER_PREVIOUS_ROOT_KEY_FILE');
  const metricsListen = read('COFFER_METRICS_LISTEN', null, listenAddressFromText);

  if (env['COFFER_DATABASE_URL'] === undefined && env['COFFER_MIGRATION_DATABASE_URL'] !== undefined) {
    problems.push(
      'COFFER_MIGRATION_DATABASE_URL: needs COFFER_DATABASE_URL; the embedded database has one login',
    );
  }
  const rootKeyIsNamed = env['COFFER_ROOT_KEY'] !== undefined || env['COFFER_ROOT_KEY_FILE'] !== undefined;
  if (env['COFFER_DATABASE_URL'] !== undefined && !rootKeyIsNamed) {
    problems.push(
      'COFFER_ROOT_KEY_FILE: is needed with COFFER_DATABASE_URL (or COFFER_ROOT_KEY), since every process on that database must use the same root key. Make one with: (umask 077; openssl rand -base64 32 > root.key) and keep a copy away from the database',
    );
  }
  if (rootKey !== null && previousRootKey !== null && sameSource(rootKey, previousRootKey)) {
    problems.push(
      'COFFER_PREVIOUS_ROOT_KEY: is the present root key; give the one before it or leave it out',
    );
  }
  if (metricsListen !== null && metricsListen.port !== 0 && sameAddress(metricsListen, listen)) {
    problems.push('COFFER_METRICS_LISTEN: is the address of COFFER_LISTEN; metrics need one of their own');
  }

  const found: Config = {
    listen,
    publicUrl,
    database: databaseUrl === null ? null : { url: databaseUrl, migrationUrl: migrationUrl ?? databaseUrl },
    dataDir: resolve(read('COFFER_DATA_DIR', '.coffer', (text) => text)),
    rootKey: rootKey ?? { kind: 'data-dir' },
    previousRootKey,
    keyProvider: read('COFFER_KEY_PROVIDER', 'local', keyProviderFromText),
    signup: read('COFFER_SIGNUP', 'open', oneOf(SIGNUP_MODES)),
    trustedProxies: read('COFFER_TRUSTED_PROXIES', [], proxyRangesFromText),
    rateLimit: read('COFFER_RATE_LIMIT', 'on', oneOf(['on', 'off'])) === 'on',
    versionsKept: read('COFFER_VERSIONS_KEPT', 20, wholeNumber(1, 10_000)),
    retentionDays: read('COFFER_RETENTION_DAYS', 30, wholeNumber(0, 36_500)),
    logLevel: read('COFFER_LOG_LEVEL', 'info', oneOf(LOG_LEVELS)),
    metricsListen,
    allowPrivateIssuers: read('COFFER_ALLOW_PRIVATE_ISSUERS', 'false', oneOf(['true', 'false'])) === 'true',
    minClient: read('COFFER_MIN_CLIENT', null, semanticVersion),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return frozen(found);
}

function oneOf<const T extends string>(choices: readonly T[]) {
  return (text: string): T => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw new Malformed(`must be one of: ${choices.join(', ')}`);
    return choice;
  };
}

function wholeNumber(least: number, most: number) {
  return (text: string): number => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (!(number >= least && number <= most)) {
      throw new Malformed(`must be a whole number from ${String(least)} to ${String(most)}`);
    }
    return number;
  };
}

function keyProviderFromText(text: string): 'local' {
  if (KEY_PROVIDERS_TO_COME.includes(text)) {
    throw new Malformed('this key provider is not available in this version; use local');
  }
  return oneOf(['local'])(text);
}

function semanticVersion(text: string): string {
  if (text.length > 100 || !SEMANTIC_VERSION.test(text)) {
    throw new Malformed('must be a semantic version, such as 1.4.0');
  }
  return text;
}

function sameSource(one: GivenRootKey, other: GivenRootKey): boolean {
  if (one.kind === 'inline' && other.kind === 'inline') return Buffer.from(one.key).equals(other.key);
  return one.kind === 'file' && other.kind === 'file' && one.path === other.path;
}

function sameAddress(one: ListenAddress, other: ListenAddress): boolean {
  return one.host === other.host && one.port === other.port;
}

// Typed arrays cannot be frozen; the root key is the only one here.
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}
