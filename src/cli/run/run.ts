import { setTimeout as pause } from 'node:timers/promises';
import { Refused } from '../api-error.js';
import type { Call } from '../call.js';
import { Failure, usage } from '../failure.js';
import { say } from '../terminal.js';
import { settled } from '../unbroken.js';
import { Child, exitCodeOfSignal } from './child.js';
import { fileTargets, givesTheSame, readPlan, type FileTargets, type Plan } from './plan.js';
import { followRevisions, isPassing, onOneLine, Pauses } from './revisions.js';
import { Signals } from './signals.js';
import { TargetFiles } from './target-files.js';

// `coffer run`: reads, prepares, starts, passes signals on, and ends as the child ended. Nothing starts unless everything is
// there; with `--watch` nothing is restarted unless everything could be read and written anew.

const QUIET_MS = 300;
const LONGEST_BURST_MS = 3_000;

export async function run(call: Call): Promise<void> {
  const [program, ...args] = call.rest(0);
  if (program === undefined || program === '')
    throw usage('There is nothing to run: coffer run -- command arguments');
  const targets = fileTargets(call.flags.list('file'));
  const files = new TargetFiles();
  const signals = new Signals();
  process.on('exit', () => {
    files.remove();
  });
  try {
    call.exitCode = await supervise(call, [program, ...args], targets, files, signals);
  } finally {
    files.remove();
    signals.stop();
  }
}

async function supervise(
  call: Call,
  command: readonly [string, ...string[]],
  targets: FileTargets,
  files: TargetFiles,
  signals: Signals,
): Promise<number> {
  signals.whenEnding((signal) => {
    // A login that is just being renewed is saved first.
    void settled().then(() => {
      if (signals.receiver === null) process.exit(exitCodeOfSignal(signal));
    });
  });
  let plan = await readPlan(call, targets);
  Child.check(command, plan);
  files.write(plan.files);
  await signals.watch();
  const news = call.flags.isSet('watch') ? new News(call, plan.revision) : null;
  for (;;) {
    const child = Child.start(command, plan);
    signals.receiver = (signal) => {
      child.send(signal);
    };
    const prepare = (next: Plan): void => {
      Child.check(command, next);
      files.write(next.files);
    };
    const next = await firstOf(
      child.ended,
      news?.plan(plan, () => readPlan(call, targets), prepare),
    );
    if (typeof next === 'number') return next;
    const code = await Promise.race([child.ended, signals.notEnding()]);
    if (code !== undefined) return code;
    const stopped = await child.stop();
    if (signals.isEnding) return stopped;
    plan = next;
    say(`coffer: ${call.placeName} is at revision ${String(plan.revision)}; starting again.`);
  }
}

function firstOf(ended: Promise<number>, next: Promise<Plan> | undefined): Promise<number | Plan> {
  return next === undefined ? ended : Promise.race([ended, next]);
}

/** What changes while the child runs. */
class News {
  #isThere = false;
  #wake: (() => void) | null = null;

  constructor(
    private readonly call: Call,
    from: number,
  ) {
    void followRevisions(call, from, () => {
      this.#isThere = true;
      this.#wake?.();
    });
  }

  /** The next plan that differs from the present one, read and prepared in full. Waits as long as it takes. */
  async plan(present: Plan, read: () => Promise<Plan>, prepare: (next: Plan) => void): Promise<Plan> {
    const pauses = new Pauses();
    let said = '';
    for (;;) {
      await this.#settled();
      try {
        const next = await read();
        if (givesTheSame(next, present)) continue;
        prepare(next);
        return next;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        if (isRefusedCredential(error)) continue;
        const reason = onOneLine(error);
        if (reason !== said)
          say(
            `coffer: ${this.call.placeName} has changed, but the program goes on with what it has: ${reason}`,
          );
        said = reason;
        if (!isPassing(error)) continue;
        this.#isThere = true;
        await pauses.wait();
      }
    }
  }

  /** Waits for something new, and then for the end of the burst. */
  async #settled(): Promise<void> {
    if (!this.#isThere) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    const deadline = Date.now() + LONGEST_BURST_MS;
    while (this.#taken() && Date.now() < deadline) await pause(QUIET_MS);
  }

  #taken(): boolean {
    const was = this.#isThere;
    this.#isThere = false;
    return was;
  }
}

/** Whoever follows the events hears of it as well, and says so. */
function isRefusedCredential(failure: Failure): boolean {
  return failure instanceof Refused && failure.status === 401;
}
