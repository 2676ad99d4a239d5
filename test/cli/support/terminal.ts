import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { CLI, until, type Coffer } from './coffer.js';

const SCRIPT = '/usr/bin/script';

/** The command on a real terminal, that of util-linux' `script`: what is typed goes through the kernel's line discipline. */
export class Terminal {
  shown = '';
  readonly ended: Promise<number | null>;

  private constructor(readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk: Buffer) => {
      this.shown += chunk.toString('utf8');
    });
    this.ended = once(child, 'close').then(([code]) => code as number | null);
  }

  static open(
    coffer: Coffer,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    columns = 80,
  ): Terminal {
    const command = [process.execPath, CLI, ...args].map(quoted).join(' ');
    return Terminal.with(coffer, `exec ${command}`, env, columns);
  }

  /** A shell as people have it, with jobs that can be stopped; in it, `coffer` is the command. */
  static shell(coffer: Coffer, env: Readonly<Record<string, string>> = {}): Terminal {
    const alias = `coffer() { ${quoted(process.execPath)} ${quoted(CLI)} "$@"; }`;
    const shell = `exec bash --noprofile --rcfile rc -i`;
    writeFileSync(coffer.path('rc'), `PS1='$ '\nbind 'set enable-bracketed-paste off'\n${alias}\n`);
    return Terminal.with(coffer, shell, env);
  }

  private static with(
    coffer: Coffer,
    command: string,
    env: Readonly<Record<string, string>>,
    columns = 80,
  ): Terminal {
    if (!existsSync(SCRIPT)) throw new Error(`${SCRIPT} of util-linux is needed to test on a terminal`);
    // -e: the exit code of the command; -f: everything at once.
    const child = spawn(
      SCRIPT,
      ['-q', '-e', '-f', '-c', `stty cols ${String(columns)}; ${command}`, '/dev/null'],
      {
        cwd: coffer.home,
        env: coffer.environment({ ...env, SHELL: '/bin/sh', TERM: 'xterm' }),
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    return new Terminal(coffer.endsWithMe(child));
  }

  type(keys: string): void {
    this.child.stdin?.write(keys);
  }

  async shows(what: RegExp): Promise<void> {
    try {
      await until(what.source, () => what.test(this.shown));
    } catch {
      throw new Error(`the terminal never showed ${what.source}, but: ${this.shown}`);
    }
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
