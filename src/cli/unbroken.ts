import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

// Work that a signal must not break off in the middle: between a new refresh token's coming and its safe place on the disk
// lies the whole login.

const HELD = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A service that is up has answered within this time; one that is not keeps nobody from leaving. */
const LEAVE_AFTER_MS = 3_000;

let going: Promise<unknown> = Promise.resolve();

/** Does some work to its end. A signal that would end this process ends it afterwards, a second one or a long wait at once. */
export async function unbroken<T>(work: () => Promise<T>): Promise<T> {
  const held: NodeJS.Signals[] = [];
  const onSignal = (signal: NodeJS.Signals): void => {
    // Whoever listens too decides about it: `coffer run` does.
    if (process.listenerCount(signal) > 1) return;
    if (held.length > 0) leave(signal);
    held.push(signal);
    setTimeout(leave, LEAVE_AFTER_MS, signal).unref();
  };
  for (const signal of HELD) process.on(signal, onSignal);
  const working = work();
  going = working.catch(() => undefined);
  try {
    return await working;
  } finally {
    for (const signal of HELD) process.off(signal, onSignal);
    const [first] = held;
    if (first !== undefined) leave(first);
  }
}

/** Waits until no such work is going on, or for as long as a signal waits for it. */
export async function settled(): Promise<void> {
  await Promise.race([going, pause(LEAVE_AFTER_MS, undefined, { ref: false })]);
}

function leave(signal: NodeJS.Signals): never {
  process.exit(128 + constants.signals[signal]);
}
