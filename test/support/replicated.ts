// Two real PostgreSQL servers, the second one a streaming standby of the first. The first waits with every commit until the second has it,
// so whatever was acknowledged survives the loss of the first.

import type { ChildProcess } from 'node:child_process';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, realpath, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { accountFor, exitOf, giveTo, launch, type Account } from '../../src/database/embedded/account.js';
import { findBinaries, type Binaries } from '../../src/database/embedded/binaries.js';
import {
  clusterIn,
  endOrphans,
  isReady,
  makeCluster,
  passwordOf,
  SUPERUSER,
  type Cluster,
} from '../../src/database/embedded/cluster.js';

const START_DEADLINE_MS = 60_000;
const FAST = { fsync: 'off', full_page_writes: 'off', shared_buffers: '32MB' };

// As the service's own server: it ends when we do, however that is.
const WATCHER = 'read -r ended || kill -INT "$0"';

export class Replicated {
  private constructor(
    private readonly directory: string,
    /** The primary at first. */
    readonly one: Replica,
    readonly two: Replica,
  ) {}

  static async start(): Promise<Replicated> {
    const directory = await mkdtemp(join(await realpath(tmpdir()), 'coffer-replicated-'));
    const binaries = await findBinaries();
    const homes = ['one', 'two'].map((name) => join(directory, name));
    const account = await accountFor(directory, binaries.root, null);
    for (const home of homes) {
      await mkdir(home, { mode: 0o700 });
      await accountFor(home, binaries.root, null);
    }
    const [first = '', second = ''] = homes;
    await makeCluster(first, account, binaries, false);
    // Never started yet, so a copy is all that a standby needs.
    await promisify(execFile)('cp', ['-a', join(first, 'postgres'), join(second, 'postgres')]);
    const password = await passwordOf(clusterIn(first));
    const one = new Replica(clusterIn(first), account, binaries, password, await freePort());
    const two = new Replica(clusterIn(second), account, binaries, password, await freePort());
    const both = new Replicated(directory, one, two);
    try {
      await one.start({ synchronous_standby_names: '*' });
      await two.follow(one);
      await one.query('create database coffer');
    } catch (error) {
      await both.stop();
      throw error;
    }
    return both;
  }

  /** The URL that names both; `hosts` are others that stand before them. */
  url(parameters = 'target_session_attrs=read-write', hosts: readonly string[] = []): string {
    const places = [...hosts, this.one.place, this.two.place].join(',');
    return `postgresql://${SUPERUSER}:${this.one.password}@${places}/coffer?${parameters}`;
  }

  async stop(): Promise<void> {
    await Promise.all([this.one.kill(), this.two.kill()]);
    await rm(this.directory, { recursive: true, force: true });
  }
}

export class Replica {
  private server: ChildProcess | null = null;

  constructor(
    private readonly cluster: Cluster,
    private readonly account: Account,
    private readonly binaries: Binaries,
    readonly password: string,
    private readonly port: number,
  ) {}

  get place(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  async start(settings: Readonly<Record<string, string>>): Promise<void> {
    const all = {
      ...FAST,
      ...settings,
      listen_addresses: '127.0.0.1',
      port: String(this.port),
      unix_socket_directories: '',
    };
    const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    await endOrphans(this.cluster, () => undefined);
    const command = [this.binaries.postgres, '-D', this.cluster.data, ...flags];
    const server = launch(this.account, command, ['ignore', 'ignore', 'pipe']);
    this.server = server;
    const words: string[] = [];
    server.stderr?.on('data', (chunk: Buffer) => words.push(chunk.toString('utf8')));
    const ended = exitOf(server);
    const watcher = launch(
      this.account,
      ['/bin/sh', '-c', WATCHER, String(server.pid)],
      ['pipe', 'ignore', 'ignore'],
    );
    void ended.then(() => watcher.stdin?.end('ended\n'));
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!(await isReady(this.cluster, server.pid ?? 0))) {
      if (server.exitCode !== null || Date.now() > deadline)
        throw new Error(`a server did not start:\n${words.join('')}`);
      await pause(20);
    }
  }

  /** Starts as a standby of another one. */
  async follow({ port, password }: Replica): Promise<void> {
    const signal = join(this.cluster.data, 'standby.signal');
    await writeFile(signal, '', { mode: 0o600 });
    await giveTo(this.account, signal);
    await this.start({
      primary_conninfo: `host=127.0.0.1 port=${String(port)} user=${SUPERUSER} password=${password}`,
    });
  }

  async promote(): Promise<void> {
    await this.query('select pg_promote()');
  }

  async query(statement: string, database = 'postgres'): Promise<void> {
    const connectionString = `postgresql://${SUPERUSER}:${this.password}@${this.place}/${database}`;
    const client = new Client({ connectionString });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  }

  /** Nothing is refused and nothing is answered any more. */
  async freeze(): Promise<void> {
    for (const pid of await this.processes()) process.kill(pid, 'SIGSTOP');
  }

  /** Kill -9, of every process of it. */
  async kill(): Promise<void> {
    const { server } = this;
    if (server?.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    for (const pid of await this.processes()) end(pid);
    await ended;
    await endOrphans(this.cluster, () => undefined);
  }

  /** Every process of a server has its data directory as its working directory. */
  private async processes(): Promise<number[]> {
    const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const places = await Promise.all(all.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')));
    return all.filter((_, index) => places[index] === this.cluster.data).map(Number);
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has seen that its server is gone.
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
