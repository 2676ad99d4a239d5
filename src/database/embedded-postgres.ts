// The PostgreSQL that comes with Coffer, for those who name no other: started with the service, on the loopback
// address only, and ended with it. It lives in a session of its own, so that a Ctrl-C in our terminal reaches us and
// not it, and watches a pipe that only we hold, so that it ends by itself, cleanly, however we end.
// Acknowledged writes are on disk (`durable`, the default): it may be killed at any time.

import type { ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
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

type Server = Readonly<{ child: ChildProcess; exited: Promise<number> }>;

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

// Becomes the server by exec, so that it is our own child. The watcher outlives us for a moment: at the end of the
// pipe it asks the server for a fast shutdown; a line on the pipe says that the server has ended already.
const START_WITH_WATCHER =
  '( ( read -r ended <&3 || kill -INT "$$" ) </dev/null >/dev/null 2>&1 & ) ; exec "$@" 3<&-';

/** Throws `EmbeddedPostgresError`. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, durable = true, settings = {} } = options;
  const dataDir = resolve(options.dataDir);
  const binaries = await findBinaries();
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
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
  const supervised = keepRunning();
  let stopped: Promise<void> | null = null;

  async function keepRunning(): Promise<void> {
    await server.exited;
    let delay = 200;
    while (!stopping.signal.aborted) {
      log('The embedded PostgreSQL ended unexpectedly and is started again.');
      try {
        server = await start(port);
        delay = 200;
        if (stopping.signal.aborted) await end(server);
        await server.exited;
      } catch (error) {
        log(error instanceof Error ? error.message : String(error));
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

  const urlOf = (database: string) =>
    `postgresql://${SUPERUSER}:${password}@127.0.0.1:${String(port)}/${database}`;
  try {
    await ensureDatabase(urlOf('postgres'));
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: urlOf(DATABASE), stop: () => (stopped ??= stop()) };
}

async function serve(
  cluster: Cluster,
  account: Account,
  { postgres }: Binaries,
  log: (line: string) => void,
  settings: Readonly<Record<string, string>>,
): Promise<Server> {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const command = ['/bin/sh', '-c', START_WITH_WATCHER, 'sh', postgres, '-D', cluster.data, ...flags];
  const child = launch(account, command, ['ignore', 'ignore', 'pipe', 'pipe']);
  const lastWords: string[] = [];
  const exited = exitOf(child);
  if (child.stderr) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lastWords.push(line);
      if (lastWords.length > 20) lastWords.shift();
      log(line);
    });
  }
  const lifeline = child.stdio[3];
  if (lifeline && 'write' in lifeline) {
    lifeline.on('error', () => undefined);
    void exited.then(() => lifeline.end('ended\n'));
  }
  let running = true;
  void exited.then(() => (running = false));
  while (!(await isReady(cluster, child.pid ?? 0))) {
    // After a crash the server repeats its log first, however long that takes.
    if (!running) {
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

/** Until it is ended the server does not keep this process from ending. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of child.stdio) {
    if (stream && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
  }
}

/** A fast shutdown; if that takes too long an immediate one, which loses nothing that was acknowledged. */
async function end({ child, exited }: Server): Promise<void> {
  child.ref();
  for (const [signal, patience] of [
    ['SIGINT', 8_000],
    ['SIGQUIT', 3_000],
    ['SIGKILL', 1_000],
  ] as const) {
    if (child.exitCode !== null || child.signalCode !== null) return;
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
