// What the command says. Data goes to stdout and is awaited, so that a full disk or a closed pipe is noticed; everything
// else goes to stderr at once. Nothing that came from elsewhere can move the cursor or set a colour.
import { writeSync } from 'node:fs';
import { EXIT, Failure, systemCode, systemReason } from './failure.js';

/** Whoever read our stdout has gone: there is nobody to tell about it. */
export class NobodyReads extends Failure {
  constructor() {
    super(EXIT.failed, '');
  }
}

let guarded = false;

/** Data, exactly. Throws when it could not be written. */
export async function print(data: string | Uint8Array): Promise<void> {
  if (!guarded) {
    // Every failure reaches the callback below; the event would end the process before that.
    process.stdout.on('error', () => undefined);
    guarded = true;
  }
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(data, (error) => {
      if (error == null) resolve();
      else if (systemCode(error) === 'EPIPE') reject(new NobodyReads());
      else reject(new Failure(EXIT.failed, `stdout cannot be written: ${systemReason(error)}.`));
    });
  });
}

export function printJson(data: unknown): Promise<void> {
  return print(`${JSON.stringify(data, null, 2)}\n`);
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
  let bytes = Buffer.from(text, 'utf8');
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(2, bytes));
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
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
