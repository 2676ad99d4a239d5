import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number | undefined): number {
  const kibibytes = existsSync('/proc/self/status') ? fromProc(String(pid)) : fromPs(String(pid));
  if (!(kibibytes > 0)) throw new Error(`The memory of process ${String(pid)} cannot be told.`);
  return kibibytes / 1024;
}

function fromProc(pid: string): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function fromPs(pid: string): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', pid], { encoding: 'utf8' }));
}
