import { spawn, type ChildProcess } from 'node:child_process';
import { isatty } from 'node:tty';

// A signal reaches the child once, wherever it comes from. One that is sent to this process alone must be passed on; one
// that goes to the whole process group (from a terminal, from `timeout`, from a runner that ends a job) has reached the child
// already. The system does not say which of the two it was, so a witness stands in the same group: a process that does
// nothing but answer, and dies of every signal that we pass on. If it still answers, the signal was for us alone.

const PASSED_ON = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];

/** A group's signal goes to one member after the other; so long the witness has to get it too. */
const SETTLING_MS = 20;

export class Signals {
  /** The first signal that asks to end. */
  ending: NodeJS.Signals | null = null;

  /** Where signals go; without one, nobody is there to get them. */
  receiver: ((signal: NodeJS.Signals) => void) | null = null;

  #witness: Witness | null = null;
  readonly #examined = new Set<NodeJS.Signals>();
  readonly #onEnding: ((signal: NodeJS.Signals) => void)[] = [];

  constructor() {
    for (const signal of PASSED_ON) {
      process.on(signal, () => {
        void this.#received(signal);
      });
    }
  }

  /** Called for each signal that asks to end. */
  whenEnding(listener: (signal: NodeJS.Signals) => void): void {
    this.#onEnding.push(listener);
  }

  /** To be called before the child starts. */
  watch(): void {
    this.#witness = new Witness();
  }

  stop(): void {
    this.#witness?.dismiss();
  }

  async #received(signal: NodeJS.Signals): Promise<void> {
    if (ENDING.includes(signal)) {
      this.ending ??= signal;
      for (const listener of this.#onEnding) listener(signal);
    }
    // One that comes twice while it is looked into came to us and to the group, and is one.
    if (this.#examined.has(signal)) return;
    this.#examined.add(signal);
    try {
      if (await this.#wasForUsAlone(signal)) this.receiver?.(signal);
    } finally {
      this.#examined.delete(signal);
    }
  }

  async #wasForUsAlone(signal: NodeJS.Signals): Promise<boolean> {
    // A terminal that changes its size tells its whole group, and no process dies of it.
    if (signal === 'SIGWINCH') return !isOnTerminal();
    if (this.#witness === null) return true;
    await new Promise((resolve) => setTimeout(resolve, SETTLING_MS));
    const witness = this.#witness;
    if (await witness.isAlive()) return true;
    if (witness.neverCame) return !isOnTerminal();
    if (this.#witness === witness) this.#witness = new Witness();
    // It died of another one before: what a terminal sends, it sends to all.
    return witness.diedOf !== signal && signal !== 'SIGINT' && signal !== 'SIGQUIT';
  }
}

function isOnTerminal(): boolean {
  return [0, 1, 2].some((descriptor) => isatty(descriptor));
}

class Witness {
  diedOf: NodeJS.Signals | null = null;

  /** There are systems without a shell. */
  neverCame = false;

  readonly #process: ChildProcess;
  #isGone = false;
  #answered: (() => void) | null = null;

  constructor() {
    // It ends with us, because its stdin does. No dump of it is left behind by a QUIT.
    this.#process = spawn('/bin/sh', ['-c', 'ulimit -c 0; exec cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
      cwd: '/',
    });
    const gone = (signal: NodeJS.Signals | null): void => {
      this.#isGone = true;
      this.diedOf ??= signal;
      this.#answered?.();
    };
    this.#process.once('exit', (_, signal) => {
      gone(signal);
    });
    this.#process.once('error', () => {
      this.neverCame = true;
      gone(null);
    });
    this.#process.stdin?.on('error', () => undefined);
    this.#process.stdout?.on('data', () => this.#answered?.());
  }

  /** Whether it answers. A process that a signal has killed does not get to write any more. */
  isAlive(): Promise<boolean> {
    if (this.#isGone) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#answered = () => {
        this.#answered = null;
        resolve(!this.#isGone);
      };
      this.#process.stdin?.write('.');
    });
  }

  dismiss(): void {
    this.#process.kill('SIGKILL');
  }
}
