// Which process a number means. Numbers are given out again, so a process is told apart by when it was started.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A text that no other process with this number shares while the machine is up; null when no such process lives. */
export async function identityOf(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') return (await ps(pid, 'lstart='))?.replace(/\s+/g, '_') ?? null;
  let line: string;
  try {
    line = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The name in parentheses may hold anything; after it come the state and, as the twentieth, the start.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
}

export async function isAlive(pid: number): Promise<boolean> {
  return (await identityOf(pid)) !== null;
}

/** The command line of a process, where the system has no /proc to look at. */
export async function commandOf(pid: number): Promise<string> {
  return (await ps(pid, 'command=')) ?? '';
}

async function ps(pid: number, column: string): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', column, '-p', String(pid)]);
    return stdout.trim() === '' ? null : stdout.trim();
  } catch {
    return null;
  }
}
