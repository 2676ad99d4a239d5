import { spawn, type ChildProcess } from 'node:child_process';

type Question = Readonly<{ number: number; settle: () => void }>;

/** A question gets lost when a signal comes while the shell reads it: it is asked again. */
const ASK_AGAIN_MS = 100;

/** One that was stopped, alone or with its group, does not answer; a signal may come late then, but never gets lost. */
const SILENT_AFTER_MS = 3_000;

/**
 * Says each signal that it gets, and repeats each line that it is told. Ends when we have ended: a signal makes `read` fail
 * as well, but not so often.
 */
const SCRIPT = `
ulimit -c 0
for name in TERM INT HUP QUIT USR1 USR2 WINCH; do trap "echo SIG$name" $name; done
failures=0
while [ $failures -lt 1000 ]; do
  if read -r line; then failures=0; echo "$line"; else failures=$((failures + 1)); fi
done
`;

/** A process in our group that only tells which signals it got: those that went to the whole group. */
export class Witness {
  /** There are systems without a shell. */
  neverCame = false;

  readonly #process: ChildProcess;
  readonly #got = new Set<string>();
  #questions: Question[] = [];
  #asked = 0;
  #text = '';

  constructor() {
    this.#process = spawn('/bin/sh', ['-c', SCRIPT], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
      cwd: '/',
    });
    const gone = (): void => {
      this.neverCame = true;
      this.#answer(Number.POSITIVE_INFINITY);
    };
    this.#process.once('exit', gone);
    this.#process.once('error', gone);
    this.#process.stdin?.on('error', () => undefined);
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#hear(chunk.toString('latin1'));
    });
  }

  /** Whether it got this signal too, since it was asked last. */
  async got(signal: NodeJS.Signals): Promise<boolean> {
    await this.stand();
    return this.#got.delete(signal);
  }

  /** Waits until it has told everything that it got before this moment, or is gone, or has been silent for long. */
  async stand(): Promise<void> {
    if (this.neverCame) return;
    await new Promise<void>((resolve) => {
      const ask = (): void => {
        this.#asked += 1;
        this.#questions.push({ number: this.#asked, settle });
        this.#process.stdin?.write(`${String(this.#asked)}\n`);
      };
      const settle = (): void => {
        clearInterval(timer);
        clearTimeout(patience);
        resolve();
      };
      const timer = setInterval(ask, ASK_AGAIN_MS);
      const patience = setTimeout(settle, SILENT_AFTER_MS);
      ask();
    });
  }

  dismiss(): void {
    this.#process.kill('SIGKILL');
  }

  #hear(text: string): void {
    const lines = (this.#text + text).split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('SIG')) this.#got.add(line);
      else this.#answer(Number(line));
    }
  }

  #answer(number: number): void {
    const answered = this.#questions.filter((question) => question.number <= number);
    this.#questions = this.#questions.filter((question) => question.number > number);
    for (const { settle } of answered) settle();
  }
}
