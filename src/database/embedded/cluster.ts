// The files of the embedded PostgreSQL: how they are made in one step, who uses them, and what a killed process
// left running on them. A cluster is made under another name and then renamed, so that it is there whole or not at all.

import { randomBytes } from 'node:crypto';
import {
  mkdir,
  open,
  readFile,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { exitOf, giveTo, launch } from './account.js';
import type { Account } from './account.js';
import type { Binaries } from './binaries.js';
import { EmbeddedPostgresError, hasCode } from './embedded-postgres-error.js';
import { commandOf, identityOf, isAlive } from './process-identity.js';

export const SUPERUSER = 'coffer';
const OWNER = /"?coffer\.owner=(\d+)-(\S+?)"?(?:\s|$)/;

export type Cluster = Readonly<{ home: string; data: string; passwordFile: string }>;

export function clusterIn(dataDir: string): Cluster {
  return at(join(dataDir, 'postgres'));
}

const at = (home: string): Cluster => ({
  home,
  data: join(home, 'data'),
  passwordFile: join(home, 'password'),
});

/** Who owns the cluster that is there, or null when there is none. */
export async function ownerOf(cluster: Cluster): Promise<{ uid: number; gid: number } | null> {
  try {
    await stat(join(cluster.data, 'PG_VERSION'));
    return await stat(cluster.data);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Makes the cluster: UTF-8, byte order for sorting, a random password. Of two processes that try, one makes it. */
export async function makeCluster(
  dataDir: string,
  account: Account,
  { initdb }: Binaries,
  durable: boolean,
): Promise<void> {
  await removeUnfinished(dataDir);
  const fresh = at(join(dataDir, `postgres.new-${String(process.pid)}`));
  await mkdir(fresh.home, { mode: 0o700 });
  await giveTo(account, fresh.home);
  await writeFile(fresh.passwordFile, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600, flush: true });
  await giveTo(account, fresh.passwordFile);
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const child = launch(
    account,
    [
      initdb,
      `--pgdata=${fresh.data}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${fresh.passwordFile}`,
      '--auth=scram-sha-256',
      ...locale,
      '--set=timezone=UTC',
      '--set=log_timezone=UTC',
      ...(durable ? [] : ['--no-sync']),
    ],
    ['ignore', 'ignore', 'pipe'],
  );
  const [complaint, code] = await Promise.all([child.stderr ? text(child.stderr) : '', exitOf(child)]);
  if (code !== 0) {
    await rm(fresh.home, { recursive: true, force: true });
    throw new EmbeddedPostgresError(
      `The embedded database could not be made in ${dataDir}: ${complaint.trim()}`,
    );
  }
  try {
    await rename(fresh.home, clusterIn(dataDir).home);
  } catch (error) {
    await rm(fresh.home, { recursive: true, force: true });
    if ((await ownerOf(clusterIn(dataDir))) === null) throw error;
  }
  const directory = await open(dataDir);
  await directory.sync();
  await directory.close();
}

export async function passwordOf(cluster: Cluster): Promise<string> {
  try {
    return (await readFile(cluster.passwordFile, 'utf8')).trim();
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `The password of the embedded database cannot be read from ${cluster.passwordFile}. Restore that file from a backup, or start as the user who owns it.`,
      { cause },
    );
  }
}

/** Names this process in the server's command line, which PostgreSQL itself writes down beside its lock. */
export async function ownerSetting(): Promise<string> {
  return `${String(process.pid)}-${(await identityOf(process.pid)) ?? 'unknown'}`;
}

/** The living process that serves this cluster, or null. */
export async function servedBy(cluster: Cluster): Promise<number | null> {
  const match = OWNER.exec(await readOrEmpty(join(cluster.data, 'postmaster.opts')));
  if (match === null) return null;
  const pid = Number(match[1]);
  return (await identityOf(pid)) === match[2] ? pid : null;
}

/** Throws when a living process serves this cluster. */
export async function refuseIfOwned(cluster: Cluster): Promise<void> {
  const pid = await servedBy(cluster);
  if (pid !== null) {
    throw new EmbeddedPostgresError(
      `The data in ${cluster.home} is in use by process ${String(pid)}. Stop that one first, or give this one a directory of its own with COFFER_DATA_DIR.`,
    );
  }
}

/** After a clean stop nobody serves the cluster any more. */
export async function forgetOwner(cluster: Cluster): Promise<void> {
  await rm(join(cluster.data, 'postmaster.opts'), { force: true });
}

/** Ends the servers that a killed process left on this cluster, and removes a lock that no living server holds. */
export async function endOrphans(cluster: Cluster, log: (line: string) => void): Promise<void> {
  // Left alone they end by themselves: the end of their owner is told to them.
  if (await endedWithin(cluster, 500)) return;
  log('An embedded PostgreSQL of an earlier process is still running; it is being stopped.');
  for (const [signal, patience] of [
    ['SIGINT', 10_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    for (const pid of await serversOf(cluster)) sendTo(pid, signal);
    if (await endedWithin(cluster, patience)) return;
  }
  throw new EmbeddedPostgresError(`Another PostgreSQL is running on ${cluster.data} and does not stop.`);
}

async function endedWithin(cluster: Cluster, milliseconds: number): Promise<boolean> {
  const deadline = Date.now() + milliseconds;
  while ((await serversOf(cluster)).length > 0) {
    if (Date.now() > deadline) return false;
    await pause(50);
  }
  // PostgreSQL stays away while any process has the number in its lock file, be it a stranger's by now or a dead
  // one that nobody collected. A number that is free it judges better than we could.
  const pid = await lockHolder(cluster);
  if (pid !== null && sendTo(pid, 0)) await rm(join(cluster.data, 'postmaster.pid'), { force: true });
  return true;
}

/** Every server process of a cluster has its data directory as its working directory. */
async function serversOf(cluster: Cluster): Promise<readonly number[]> {
  if (process.platform !== 'linux') {
    const pid = await lockHolder(cluster);
    return pid !== null && (await commandOf(pid)).includes(cluster.data) ? [pid] : [];
  }
  const data = await realpath(cluster.data);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const places = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')));
  return pids.filter((_pid, index) => places[index] === data).map(Number);
}

/** The first line of the server's lock file; its eighth tells whether it is ready. */
async function lockHolder(cluster: Cluster): Promise<number | null> {
  const pid = Number.parseInt(await readOrEmpty(join(cluster.data, 'postmaster.pid')), 10);
  return pid > 0 ? pid : null;
}

export async function isReady(cluster: Cluster, pid: number): Promise<boolean> {
  const lines = await linesOfLock(cluster);
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

/** The port of the server that runs on this cluster, or null while it does not answer yet. */
export async function readyPort(cluster: Cluster): Promise<number | null> {
  const lines = await linesOfLock(cluster);
  return lines[7]?.trim() === 'ready' ? Number(lines[3]) : null;
}

async function linesOfLock(cluster: Cluster): Promise<readonly string[]> {
  return (await readOrEmpty(join(cluster.data, 'postmaster.pid'))).split('\n');
}

async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const pid = /^postgres\.new-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || (Number(pid) !== process.pid && (await isAlive(Number(pid))))) continue;
    await rm(join(dataDir, name), { recursive: true, force: true });
  }
}

/** False when there is no such process; signal 0 only asks. */
function sendTo(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (hasCode(error, 'EPERM') && signal === 0) return true;
    if (!hasCode(error, 'ESRCH')) throw error;
    return false;
  }
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  }
}
