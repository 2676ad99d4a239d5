import { randomBytes } from 'node:crypto';
import {
  closeSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { EXIT, Failure, systemCode, systemReason } from './failure.js';
import { PRIVATE_FILE } from './files.js';

// One command at a time changes the saved logins. Two that refresh one session at once would end it: the second brings a
// used token back. The lock is a file, since a home may be shared by machines and containers; it names its holder, so that
// the lock of a process that was killed is nobody's at once.

const WAIT_MS = 30_000;
const LOOK_AGAIN_MS = 50;
const ALIVE_EVERY_MS = 5_000;
/** A holder that is not known to this machine is taken for dead when it has said nothing for so long. */
const ABANDONED_MS = 60_000;

/** Another command holds the lock for longer than one waits; later it may be free. */
export class Busy extends Failure {}

/** Does some work while this process alone holds the lock. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const self = [process.pid, here(), randomBytes(8).toString('hex')].join(' ');
  await taken(path, self);
  const release = (): void => {
    if (textOf(path) === self) rmSync(path, { force: true });
  };
  process.once('exit', release);
  const sign = setInterval(() => {
    signOfLife(path);
  }, ALIVE_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(sign);
    process.off('exit', release);
    release();
  }
}

async function taken(path: string, self: string): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  while (!made(path, self)) {
    if (isAbandoned(path)) clear(path);
    else if (Date.now() > deadline)
      throw new Busy(EXIT.failed, `Another command holds ${path}: wait for it, or remove the file.`);
    else await pause(LOOK_AGAIN_MS);
  }
}

/** Makes a file where there is none; false when there is one. */
function made(path: string, text: string): boolean {
  try {
    const file = openSync(path, 'wx', PRIVATE_FILE);
    try {
      writeFileSync(file, text);
    } finally {
      closeSync(file);
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw new Failure(
      EXIT.configuration,
      `Logins cannot be saved in ${dirname(path)}: ${systemReason(error)}.`,
    );
  }
}

/** Removes an abandoned lock. Two who find it at once must not both remove: the second would take the first one's new lock. */
function clear(path: string): void {
  const broom = `${path}.clear`;
  if (!made(broom, '')) {
    if (isSilent(broom)) rmSync(broom, { force: true });
    return;
  }
  try {
    if (isAbandoned(path)) rmSync(path, { force: true });
  } finally {
    rmSync(broom, { force: true });
  }
}

function isAbandoned(path: string): boolean {
  const [pid, where] = textOf(path)?.split(' ') ?? [];
  return isSilent(path) || (where === here() && !isAlive(Number(pid)));
}

function isSilent(path: string): boolean {
  const heard = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return heard !== undefined && Date.now() - heard > ABANDONED_MS;
}

function signOfLife(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Somebody removed it by hand.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

/** Where process ids mean the same: this machine and, on Linux, this container. */
function here(): string {
  const machine = encodeURIComponent(hostname());
  try {
    return `${machine}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return machine;
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
