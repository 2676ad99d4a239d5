// The account of the operating system that the embedded PostgreSQL runs as. PostgreSQL refuses to run as root, so
// root starts it as the user `postgres`, which must be able to reach the programs and the data wherever they are:
// a checkout may well lie in a directory that only root may enter.

import { execFile, spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { chmod, chown, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';

type Ids = Readonly<{ uid: number; gid: number }>;

export type Account = Readonly<{
  /** Null: the account of this process. */
  ids: Ids | null;
  /** A capability that lets the account through directories that are closed to it. */
  capability: string | null;
}>;

const USER = 'postgres';
const SYSTEM_PATH = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin';

/**
 * Chooses the account for a data directory and opens that directory, but nothing above it, for the account.
 * `clusterOwner` is who owns the data that is there already.
 */
export async function accountFor(
  dataDir: string,
  programs: string,
  clusterOwner: Ids | null,
): Promise<Account> {
  if (process.getuid?.() !== 0) return { ids: null, capability: null };
  const ids = clusterOwner !== null && clusterOwner.uid !== 0 ? clusterOwner : await idsOfUser();
  const found = await stat(dataDir);
  if (found.uid === 0 && (found.mode & 0o077) === 0) {
    await chown(dataDir, 0, ids.gid);
    await chmod(dataDir, 0o710);
  }
  const closed = (await closedTo(ids, dataDir)) ?? (await closedTo(ids, programs));
  return { ids, capability: closed === null ? null : await capabilityPast(closed) };
}

/** Gives a file or a directory to the account. */
export async function giveTo({ ids }: Account, path: string): Promise<void> {
  if (ids !== null) await chown(path, ids.uid, ids.gid);
}

/** Starts a program as the account: in a session of its own, with a clean environment, detached from our terminal. */
export function launch(
  { ids, capability }: Account,
  command: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  const common = { cwd: '/', detached: true, env: { PATH: SYSTEM_PATH, LC_ALL: 'C', TZ: 'UTC' }, stdio };
  if (ids === null || capability === null) {
    const [program = '', ...rest] = command;
    return spawn(program, rest, { ...common, ...(ids ?? {}) });
  }
  return spawn('setpriv', [...privileges(ids, capability), ...command], common);
}

/** The exit code, or -1 for a program that was ended by a signal or could not be started. */
export function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(-1));
    child.once('exit', (code) => resolve(code ?? -1));
  });
}

function privileges({ uid, gid }: Ids, capability: string): string[] {
  return [
    `--reuid=${String(uid)}`,
    `--regid=${String(gid)}`,
    '--clear-groups',
    // Else access(2), which the programs of PostgreSQL ask, would look past the capability.
    '--securebits=+no_setuid_fixup',
    `--inh-caps=+${capability}`,
    `--ambient-caps=+${capability}`,
    '--',
  ];
}

async function idsOfUser(): Promise<Ids> {
  const before = await lookUp();
  if (before !== null) return before;
  try {
    await run('useradd', [
      '--system',
      '--user-group',
      '--no-create-home',
      '--shell',
      '/usr/sbin/nologin',
      USER,
    ]);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `PostgreSQL does not run as root, there is no user named ${USER} on this machine, and none could be made. Add one (useradd --system ${USER}), or start Coffer as an ordinary user.`,
      { cause },
    );
  }
  const after = await lookUp();
  if (after === null) throw new EmbeddedPostgresError(`The user ${USER} was made but cannot be found.`);
  return after;
}

async function lookUp(): Promise<Ids | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', USER]), run('id', ['-g', USER])]);
    return { uid: Number(uid), gid: Number(gid) };
  } catch {
    return null;
  }
}

/** The directory nearest to the root that the user may not enter on the way to a path, itself included. */
async function closedTo({ uid, gid }: Ids, path: string): Promise<string | null> {
  const above = dirname(path);
  const closedAbove = above === path ? null : await closedTo({ uid, gid }, above);
  if (closedAbove !== null) return closedAbove;
  const { mode, uid: owner, gid: group } = await stat(path);
  const enter = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
  return (mode & enter) === 0 ? path : null;
}

// Changing the mode of somebody else's directory would open it to every user of the machine; this opens it to the
// one process only, and to reading only where the system has a capability for that.
async function capabilityPast(closed: string): Promise<string> {
  const held = /^CapEff:\s*([0-9a-f]+)$/m.exec(
    await readFile('/proc/self/status', 'utf8').catch(() => ''),
  )?.[1];
  const bits = BigInt(`0x${held ?? '0'}`);
  const capability = (bits & 4n) !== 0n ? 'dac_read_search' : (bits & 2n) !== 0n ? 'dac_override' : null;
  const possible = capability !== null && (await run('setpriv', ['--version']).then(Boolean, () => false));
  if (!possible) {
    throw new EmbeddedPostgresError(
      `PostgreSQL does not run as root, and the user ${USER} may not enter ${closed}. Start Coffer as an ordinary user, move it out of that directory, or set COFFER_DATA_DIR to a directory that can be entered.`,
    );
  }
  return capability;
}

async function run(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { env: { PATH: SYSTEM_PATH } });
  return stdout.trim();
}
