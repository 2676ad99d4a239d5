import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { EXIT, systemCode } from '../failure.js';
import { say } from '../terminal.js';
import { checkSize, tooLarge } from './environment-size.js';
import { childEnvironment, type Plan } from './plan.js';

const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
const KILL_AFTER_MS = 10_000;

/** The program that was asked for, as a child with our own input and output. No shell stands between. */
export class Child {
  /** Its exit code as a shell would tell it. */
  readonly ended: Promise<number>;
  readonly #process: ChildProcess | null;

  private constructor(process: ChildProcess | null, ended: Promise<number>) {
    this.#process = process;
    this.ended = ended;
  }

  /** Throws when the environment would be too large. */
  static check(command: readonly string[], plan: Plan): void {
    checkSize(command, childEnvironment(plan), plan);
  }

  /** A program that cannot be started has ended with 126 or 127. Throws when the system finds the environment too large. */
  static start(command: readonly [string, ...string[]], plan: Plan): Child {
    const [program, ...args] = command;
    try {
      const env = childEnvironment(plan);
      const started = spawn(program, args, { env, stdio: descriptorsFor(args), shell: false });
      return new Child(started, endOf(started, program));
    } catch (error) {
      if (systemCode(error) === 'E2BIG') throw tooLarge(plan);
      return new Child(null, Promise.resolve(notStarted(program, error)));
    }
  }

  /** To the child alone, not to its children. */
  send(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** TERM, and KILL when that is not heard. */
  async stop(): Promise<number> {
    this.send('SIGTERM');
    const timer = setTimeout(() => {
      this.send('SIGKILL');
    }, KILL_AFTER_MS);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Ours, and those that arguments name: `coffer run -- psql -f <(generate)` gives a pipe as /dev/fd/63. */
function descriptorsFor(args: readonly string[]): StdioOptions {
  const named = args.flatMap((text) =>
    [...text.matchAll(/\/dev\/fd\/(\d{1,4})\b/g)].map(([, number]) => Number(number)),
  );
  const descriptors: (number | 'inherit' | 'ignore')[] = ['inherit', 'inherit', 'inherit'];
  for (const number of named.filter(isPipeOrFile)) {
    while (descriptors.length < number) descriptors.push('ignore');
    if (number > 2) descriptors[number] = number;
  }
  return descriptors;
}

function isPipeOrFile(descriptor: number): boolean {
  try {
    const kind = fstatSync(descriptor);
    return kind.isFIFO() || kind.isFile();
  } catch {
    return false;
  }
}

function endOf(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      resolve(notStarted(program, error));
    });
    child.once('exit', (code, signal) => {
      resolve(code ?? exitCodeOfSignal(signal ?? 'SIGKILL'));
    });
  });
}

export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** As shells tell it: 127 for what is not there, 126 for what is no program. */
function notStarted(program: string, error: unknown): number {
  const code = systemCode(error);
  if (code === 'ENOENT') {
    say(`coffer: ${program} is not found.`);
    return NOT_FOUND;
  }
  if (code !== null && ['EACCES', 'EPERM', 'ENOEXEC', 'ENOTDIR', 'EISDIR', 'ELOOP'].includes(code)) {
    say(`coffer: ${program} cannot be executed (${code}).`);
    return NOT_EXECUTABLE;
  }
  say(`coffer: ${program} could not be started (${code ?? 'for an unknown reason'}).`);
  return EXIT.failed;
}
