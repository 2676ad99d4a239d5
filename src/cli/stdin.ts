import { isUtf8 } from 'node:buffer';
import { fstatSync, type Stats } from 'node:fs';
import { isatty } from 'node:tty';
import { valueProblem, LARGEST_VALUE } from '../formats/value.js';
import { EXIT, Failure } from './failure.js';
import { printable, say, write } from './terminal.js';

// What comes in on stdin: values and answers. A value is taken byte for byte.

const HINT_AFTER_MS = 2_000;
const PEEK_MS = 300;

/** Whether somebody sits there who could be asked. */
export function isInteractive(): boolean {
  return isatty(0);
}

/** Everything on stdin; of what is larger than `most`, a little more than that. */
export async function readStdin(waitingFor: string, most = LARGEST_VALUE): Promise<Uint8Array> {
  const hint = setTimeout(() => {
    say(`coffer: waiting for ${waitingFor} on stdin …`);
  }, HINT_AFTER_MS);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      clearTimeout(hint);
      chunks.push(chunk);
      size += chunk.length;
      if (size > most) break;
    }
  } catch {
    throw new Failure(EXIT.failed, 'stdin cannot be read.');
  } finally {
    clearTimeout(hint);
  }
  return Buffer.concat(chunks);
}

/**
 * Whether something stands on stdin beside a value that was given otherwise. A pipe that nobody writes to, as many
 * programs leave open for their children, is not waited for.
 */
export async function stdinHasData(): Promise<boolean> {
  if (isInteractive()) return false;
  const kind = kindOfStdin();
  if (kind === null || kind.isCharacterDevice()) return false;
  if (kind.isFile()) return kind.size > 0;
  return new Promise((resolve) => {
    const settle = (has: boolean): void => {
      clearTimeout(timer);
      process.stdin.pause();
      resolve(has);
    };
    const timer = setTimeout(() => {
      settle(false);
    }, PEEK_MS);
    process.stdin.once('data', () => {
      settle(true);
    });
    process.stdin.once('end', () => {
      settle(false);
    });
    process.stdin.once('error', () => {
      settle(false);
    });
  });
}

/** A value as text, unchanged. Throws when it is none that Coffer can keep; the reason never shows it. */
export function valueFrom(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) {
    if (bytes.length > LARGEST_VALUE)
      throw new Failure(EXIT.failed, `A value has at most ${LARGEST_VALUE.toLocaleString('en')} bytes.`);
    throw new Failure(
      EXIT.failed,
      'The value is not UTF-8 text. Encode what is binary, for example with base64.',
    );
  }
  const value = Buffer.from(bytes).toString('utf8');
  const problem = valueProblem(value);
  if (problem !== null) throw new Failure(EXIT.failed, problem);
  return value;
}

/** `echo` adds a newline that few who use it mean to keep. */
export function warnOfNewline(value: string): void {
  if (/^[^\n]+\n$/.test(value)) {
    say(
      'coffer: warning: the value ends in a newline, which is kept. Use printf or echo -n to leave it out.',
    );
  }
}

/** A line that somebody types, or the first line of stdin. Null when there is none. */
export async function ask(question: string): Promise<string | null> {
  write(printable(question));
  const text = await firstLine();
  if (!isInteractive()) write('\n');
  return text === '' ? null : (text.split('\n')[0] ?? '').replace(/\r$/, '');
}

/** What has come when the first line is complete; stdin stays open for the next question. */
function firstLine(): Promise<string> {
  const { stdin } = process;
  const decoder = new TextDecoder();
  let text = '';
  return new Promise((resolve) => {
    const settle = (): void => {
      stdin.off('data', onData).off('end', settle).off('error', settle).pause();
      resolve(text);
    };
    const onData = (chunk: Buffer): void => {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes('\n') || text.length > LARGEST_VALUE) settle();
    };
    // An earlier question has left it paused.
    stdin.on('data', onData).once('end', settle).once('error', settle).resume();
  });
}

/** Whether the person says yes; null when nobody answers. */
export async function confirm(question: string): Promise<boolean | null> {
  const answer = await ask(`${question} [y/N] `);
  return answer === null ? null : /^y(?:es)?$/i.test(answer.trim());
}

function kindOfStdin(): Stats | null {
  try {
    return fstatSync(0);
  } catch {
    return null;
  }
}
