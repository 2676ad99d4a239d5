// What the command says. Data goes to stdout, and a full disk or a closed pipe is noticed; everything else goes to stderr,
// whatever becomes of it. Both go to the descriptor at once. Nothing that came from elsewhere can move the cursor or set a
// colour.
import { writeSync } from 'node:fs';
import { EXIT, Failure, systemCode, systemReason } from './failure.js';

const STDOUT = 1;
const STDERR = 2;
const WAIT_MS = 5;

/** Whoever read our stdout has gone: there is nobody to tell about it. */
export class NobodyReads extends Failure {
  constructor() {
    super(EXIT.failed, '');
  }
}

/** Data, exactly. Throws when it could not be written. */
export function printNow(data: string | Uint8Array): void {
  const bytes = Buffer.from(data);
  try {
    writeTo(STDOUT, bytes);
  } catch (error) {
    if (systemCode(error) === 'EPIPE') throw new NobodyReads();
    throw new Failure(EXIT.failed, `stdout cannot be written: ${systemReason(error)}.`);
  }
}

export function print(data: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    printNow(data);
    resolve();
  });
}

/** JSON for programs. What could act on a terminal is written as its code, which means the same. */
export function printJson(data: unknown): Promise<void> {
  const lines = JSON.stringify(data, null, 2).split('\n');
  return print(`${lines.map(printable).join('\n')}\n`);
}

/** A line for people. Whatever becomes of it, the command goes on. */
export function say(line: string): void {
  write(`${line.split('\n').map(printable).join('\n')}\n`);
}

export function warn(line: string): void {
  say(`coffer: warning: ${line}`);
}

/** Without an end of line: questions, progress, and what steers a terminal. */
export function write(text: string): void {
  try {
    writeTo(STDERR, Buffer.from(text));
  } catch {
    // There is nobody left to tell.
  }
}

/** All of it, however slowly it is read: a pipe that others made non-blocking is waited for. */
function writeTo(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
    }
  }
}

// Controls, and what turns the direction of text around.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Foreign text on one line of a terminal: what could act on the terminal is shown as its code. */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
