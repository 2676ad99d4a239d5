import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../support/sources.js';

/** The built command. `npm test` builds before it tests. */
export const CLI = join(ROOT, 'dist/src/cli/cli.js');

export type Ended = Readonly<{
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}>;

export type How = Readonly<{
  /** What stands on stdin; without it, stdin is empty. */
  input?: string | Uint8Array;
  /** Added to the few variables that a command has; undefined takes one away. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  stdio?: StdioOptions;
  /** In a process group of its own. */
  detached?: boolean;
  /** What the command is started by, with the command as its last arguments. */
  by?: readonly string[];
}>;

/** The command as somebody uses it: with a home and a folder of their own. */
export class Coffer {
  readonly home = mkdtempSync(join(tmpdir(), 'coffer-cli-'));
  readonly #running = new Set<ChildProcess>();

  constructor(private readonly settings: Readonly<Record<string, string>> = {}) {}

  /** Another home's command with other settings. */
  async run(args: readonly string[], how: How = {}): Promise<Ended> {
    const child = this.start(args, how);
    const ended = this.output(child);
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(how.input ?? '');
    return ended;
  }

  /** The process, for tests that do something to it. */
  start(
    args: readonly string[],
    { env, cwd = this.home, stdio = 'pipe', detached = false, by = [] }: How = {},
  ): ChildProcess {
    const [program = process.execPath, ...all] = [...by, process.execPath, CLI, ...args];
    const child = spawn(program, all, {
      cwd,
      env: this.environment(env),
      stdio,
      detached,
    });
    return this.endsWithMe(child);
  }

  /** A process that is killed, if it still runs, when the test is over. */
  endsWithMe(child: ChildProcess): ChildProcess {
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }

  /** Everything that it prints, and how it ends. */
  async output(child: ChildProcess): Promise<Ended> {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    const [code, signal] = await once(child, 'close');
    const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString('utf8');
    return { code, signal, stdout: text(stdout), stderr: text(stderr) };
  }

  environment(more: How['env'] = {}): NodeJS.ProcessEnv {
    const { PATH } = process.env;
    const all = { PATH, HOME: this.home, ...this.settings, ...more };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  }

  path(name: string): string {
    return join(this.home, name);
  }

  close(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Waits until something holds. Throws with its name when it does not within 15 seconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 45_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Waits until a process has printed something, and gives back all of it. */
export async function printed(
  child: ChildProcess,
  what: RegExp,
  from: 'stdout' | 'stderr' = 'stdout',
): Promise<string> {
  let text = '';
  child[from]?.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  await until(`${what.source} on ${from} (there was: ${text})`, () => what.test(text));
  return text;
}
