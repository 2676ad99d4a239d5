import { fork, type ChildProcess, type Serializable } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process of our own that answers one question at a time. It ends with us, however we end. */
export class Child<Question extends Serializable, Answer extends Serializable> {
  private constructor(private readonly process: ChildProcess) {}

  /** Starts `file` of this folder, which must call `answerQuestions` for the same types. */
  static start<Question extends Serializable, Answer extends Serializable>(
    file: string,
  ): Child<Question, Answer> {
    const path = fileURLToPath(new URL(file, import.meta.url));
    return new Child(
      fork(path, { execArgv: ['--import', './scripts/typescript.mjs'], serialization: 'advanced' }),
    );
  }

  async ask(question: Question): Promise<Answer> {
    if (this.hasEnded) throw new Error('A process of the benchmark has ended already.');
    const settled = new AbortController();
    const answered = once(this.process, 'message', settled) as Promise<[Answer]>;
    const ended = once(this.process, 'exit', settled).then(() => {
      throw new Error('A process of the benchmark ended before it answered; what it said is above.');
    });
    try {
      this.process.send(question);
      const [answer] = await Promise.race([answered, ended]);
      return answer;
    } finally {
      settled.abort();
    }
  }

  async end(): Promise<void> {
    if (this.hasEnded) return;
    this.process.kill('SIGTERM');
    await once(this.process, 'exit');
  }

  private get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }
}

/** The other side: answers every question, and ends when nobody is left to ask. Whoever starts this file sees to it what it is asked. */
export function answerQuestions(answer: (question: never) => Promise<Serializable>): void {
  process.on('message', (question) => {
    answer(question as never).then(
      (message) => process.send?.(message),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.on('disconnect', () => process.exit(0));
}
