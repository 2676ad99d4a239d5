import { setTimeout as pause } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { Witness } from './witness.js';

// A signal reaches the child once, wherever it comes from. One that is sent to this process alone must be passed on; one
// that goes to the whole process group (from a terminal, from `timeout`, from a runner that ends a job) has reached the child
// already. The system does not say which of the two it was, so a witness stands in the same group and is asked.

const PASSED_ON = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];

/** A group's signal goes to one member after the other; so long the witness has to get it too. */
const SETTLING_MS = 20;

const LOOK_AGAIN_MS = 100;

/** A program that asks back, reloads or begins anew when it gets one of these does so within this time, or ends. */
const FADES_AFTER_MS = 5_000;

export class Signals {
  /** Where signals go; without one, nobody is there to get them. */
  receiver: ((signal: NodeJS.Signals) => void) | null = null;

  #witness: Witness | null = null;
  #endingUntil = 0;
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
  async watch(): Promise<void> {
    this.#witness = new Witness();
    await this.#witness.stand();
  }

  /**
   * Whether the program may be about to end because it was asked to: then it is not started again. TERM means it. HUP makes many
   * servers reload, and INT is something to go on after for whatever talks with people: who has not ended after a while, stays.
   */
  get isEnding(): boolean {
    return this.#endingUntil > Date.now();
  }

  /** Waits until it is not. */
  async notEnding(): Promise<void> {
    while (this.isEnding) await pause(LOOK_AGAIN_MS);
  }

  stop(): void {
    this.#witness?.dismiss();
  }

  async #received(signal: NodeJS.Signals): Promise<void> {
    if (ENDING.includes(signal)) {
      const fades = signal === 'SIGTERM' ? Number.POSITIVE_INFINITY : Date.now() + FADES_AFTER_MS;
      this.#endingUntil = Math.max(this.#endingUntil, fades);
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
    const witness = this.#witness;
    if (witness === null) return true;
    await pause(SETTLING_MS);
    const wasForAll = await witness.got(signal);
    return witness.neverCame ? !isOnTerminal() : !wasForAll;
  }
}

function isOnTerminal(): boolean {
  return [0, 1, 2].some((descriptor) => isatty(descriptor));
}
