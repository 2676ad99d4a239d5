import { readFileSync } from 'node:fs';
import { EXIT, Failure } from '../failure.js';
import type { Plan } from './plan.js';

// What the system lets a program be started with. On Linux that is a quarter of the stack's limit, at least 128 KiB and at
// most 6 MiB (execve(2)), with a pointer for each text; elsewhere a fixed size.

const POINTER_BYTES = 8;
const DARWIN_LIMIT = 1024 * 1024;
const LINUX_LEAST = 128 * 1024;
const LINUX_MOST = 6 * 1024 * 1024;
const USUAL_STACK = 8 * 1024 * 1024;
/** The program's path and what the kernel adds of its own. */
const RESERVE = 8 * 1024;

/** Throws when the child could not be started with all of it, and says which secret is the largest. */
export function checkSize(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  plan: Plan,
): void {
  const texts = [...command, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
  const size = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1 + POINTER_BYTES, 0);
  if (size + RESERVE > limit()) throw tooLarge(plan, size);
}

export function tooLarge(plan: Plan, size?: number): Failure {
  const sizes = [...plan.variables.values()].map(({ secret, value }) => ({
    secret,
    bytes: Buffer.byteLength(value),
  }));
  const largest = sizes.sort((a, b) => b.bytes - a.bytes)[0];
  const much = size === undefined ? 'it' : `its ${size.toLocaleString('en')} bytes`;
  return new Failure(
    EXIT.failed,
    `The environment is too large for a program: the system does not take ${much}. ${
      largest === undefined
        ? 'No secret is among it.'
        : `The largest secret is ${largest.secret}, with ${largest.bytes.toLocaleString('en')} bytes: give it as a file (--file ${largest.secret}=PATH), or choose secrets with --only.`
    }`,
  );
}

function limit(): number {
  if (process.platform !== 'linux') return DARWIN_LIMIT;
  return Math.min(Math.max(stackLimit() / 4, LINUX_LEAST), LINUX_MOST);
}

function stackLimit(): number {
  try {
    const found = /^Max stack size\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return found === 'unlimited' ? Number.POSITIVE_INFINITY : Number(found ?? USUAL_STACK);
  } catch {
    return USUAL_STACK;
  }
}
