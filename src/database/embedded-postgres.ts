// The PostgreSQL that comes with Coffer, for those who name no other: started with the service, on the loopback
// address only, and ended with it. It lives in a session of its own, so that a Ctrl-C in our terminal reaches us and
// not it, and watches a pipe that only we hold, so that it ends by itself, cleanly, however we end.
// Acknowledged writes are on disk (`durable`, the default): it may be killed at any time.

import type { ChildProcess } from 'node:child_process';
import { access, constants, mkdir } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { accountFor, exitOf, launch } from './embedded/account.js';
import type { Account } from './embedded/account.js';
import { findBinaries } from './embedded/binaries.js';
import type { Binaries } from './embedded/binaries.js';
import {
  clusterIn,
  endOrphans,
  forgetOwner,
  isReady,
  makeCluster,
  ownerOf,
  ownerSetting,
  passwordOf,
  refuseIfOwned,
  SUPERUSER,
} from './embedded/cluster.js';
import type { Cluster } from './embedded/cluster.js';
import { EmbeddedPostgresError } from './embedded/embedded-postgres-error.js';

export type EmbeddedPostgres = Readonly<{
  /** Of the database `coffer`, as its superuser. Stays the same when the server must be started again. */
  url: string;
  /** Ends the server cleanly and waits for it. May be called more than once. */
  stop(): Promise<void>;
}>;

export type EmbeddedPostgresOptions = Readonly<{
  /** Kept apart in `postgres/` there; made when it does not exist. */
  dataDir: string;
  /** What the server has to say, line by line; never a statement, a parameter or a row. */
  log: (line: string) => void;
  /** False gives up safety for speed: for tests. */
  durable?: boolean;
  /** PostgreSQL settings, such as max_connections. */
  settings?: Readonly<Record<string, string>>;
}>;

const DATABASE = 'coffer';

type Server = Readonly<{ child: ChildProcess; exited: Promise<void> }>;

// Statements, parameters and details of errors can hold what people typed, so none of them is written.
const QUIET = {
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_statement: 'none',
  log_checkpoints: 'off',
  log_line_prefix: '',
  log_destination: 'stderr',
  logging_collector: 'off',
};
const UNSAFE_BUT_FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

// Reads from a pipe that only we hold. At its end without a word we are gone, however we went, and the server is
// asked for a fast shutdown; a word means that the server has ended already.
const WATCHER = 'read -r ended || kill -INT "$0"';

/** Throws `EmbeddedPostgresError`. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, durable = true, settings = {} } = options;
  const dataDir = resolve(options.dataDir);
  const binaries = await findBinaries();
  await prepare(dataDir);
  const cluster = clusterIn(dataDir);
  const owner = await ownerOf(cluster);
  const account = await accountFor(dataDir, binaries.root, owner);
  if (owner === null) await makeCluster(dataDir, account, binaries, durable);
  await refuseIfOwned(cluster);
  const password = await passwordOf(cluster);

  const start = async (port: number) => {
    await endOrphans(cluster, log);
    return await serve(cluster, account, binaries, log, {
      ...QUIET,
      ...(durable ? {} : UNSAFE_BUT_FAST),
      ...settings,
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: '',
      'coffer.owner': await ownerSetting(),
    });
  };

  const first = await onFreePort(start);
  const { port } = first;
  let { server } = first;
  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  const supervised = keepRunning();
  let stopped: Promise<void> | null = null;

  async function keepRunning(): Promise<void> {
    await server.exited;
    let delay = 200;
    while (!isStopping()) {
      log('The embedded PostgreSQL ended unexpectedly and is started again.');
      try {
        server = await start(port);
        delay = 200;
        await (isStopping() ? end(server) : server.exited);
      } catch (error) {
        log(String(error));
        await pause(delay, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
        delay = Math.min(delay * 2, 5_000);
      }
    }
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await end(server);
    await supervised;
    await forgetOwner(cluster);
  }

  try {
    await ensureDatabase(urlOf(password, port, 'postgres'));
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: urlOf(password, port), stop: () => (stopped ??= stop()) };
}

/** The superuser's address of the database, on loopback. */
export function urlOf(password: string, port: number, database = DATABASE): string {
  return `postgresql://${SUPERUSER}:${password}@127.0.0.1:${String(port)}/${database}`;
}

async function prepare(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `The data directory ${dataDir} cannot be used: ${String(cause)}. Choose another with COFFER_DATA_DIR, or start as the user who owns it.`,
      { cause },
    );
  }
}

async function serve(
  cluster: Cluster,
  account: Account,
  { postgres }: Binaries,
  log: (line: string) => void,
  settings: Readonly<Record<string, string>>,
): Promise<Server> {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = launch(account, [postgres, '-D', cluster.data, ...flags], ['ignore', 'ignore', 'pipe']);
  const exited = watched(child, account);
  const lastWords: string[] = [];
  if (child.stderr) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lastWords.push(line);
      if (lastWords.length > 20) lastWords.shift();
      log(line);
    });
  }
  while (!(await isReady(cluster, child.pid ?? 0))) {
    // After a crash the server repeats its log first, however long that takes.
    if (hasEnded(child)) {
      await pause(50);
      throw new EmbeddedPostgresError(
        `The embedded PostgreSQL did not start: ${lastWords.join(' ') || 'no reason given'}`,
      );
    }
    await pause(10);
  }
  letGo(child);
  return { child, exited };
}

/** Resolves when the server has ended, and its watcher after it. */
async function watched(server: ChildProcess, account: Account): Promise<void> {
  const serverEnded = exitOf(server);
  if (server.pid === undefined) return;
  const watcher = launch(
    account,
    ['/bin/sh', '-c', WATCHER, String(server.pid)],
    ['pipe', 'ignore', 'ignore'],
  );
  watcher.stdin?.on('error', () => undefined);
  const watcherEnded = exitOf(watcher);
  letGo(watcher);
  await serverEnded;
  watcher.ref();
  watcher.stdin?.end('ended\n');
  await watcherEnded;
}

/** Until it is ended a program does not keep this process from ending. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of child.stdio) {
    if (stream instanceof Socket) stream.unref();
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** A fast shutdown; if that takes too long an immediate one, which loses nothing that was acknowledged. */
async function end({ child, exited }: Server): Promise<void> {
  child.ref();
  for (const [signal, patience] of [
    ['SIGINT', 8_000],
    ['SIGQUIT', 3_000],
    ['SIGKILL', 1_000],
  ] as const) {
    if (hasEnded(child)) return;
    child.kill(signal);
    await Promise.race([exited, pause(patience, undefined, { ref: false })]);
  }
}

async function onFreePort(
  start: (port: number) => Promise<Server>,
): Promise<{ server: Server; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      return { server: await start(port), port };
    } catch (error) {
      // Somebody else may take the port between our look and the server's.
      const taken =
        error instanceof EmbeddedPostgresError && /could not bind|any TCP\/IP/.test(error.message);
      if (!taken || attempt === 5) throw error;
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolvePort(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}
