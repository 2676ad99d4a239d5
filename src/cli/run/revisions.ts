import { setTimeout as pause } from 'node:timers/promises';
import { Refused } from '../api-error.js';
import type { Call } from '../call.js';
import { EXIT, Failure } from '../failure.js';
import { Busy } from '../login-lock.js';
import { say } from '../terminal.js';

const EVENTS = '/{o}/{p}/envs/{envName}/events';

/** The service says something every 15 seconds, if only that it is there. */
const SILENCE_MS = 45_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** No event of ours is as long. */
const LONGEST_EVENT = 1024 * 1024;

/** Pauses that grow, and are not the same for everybody who lost the same server. */
export class Pauses {
  #next = FIRST_PAUSE_MS;

  async wait(): Promise<void> {
    const ms = this.#next * (0.8 + Math.random() * 0.4);
    this.#next = Math.min(this.#next * 2, LONGEST_PAUSE_MS);
    await pause(ms);
  }

  reset(): void {
    this.#next = FIRST_PAUSE_MS;
  }
}

/** Whether trying again later may help: the service is away, busy or restarting. */
export function isPassing(failure: Failure): boolean {
  return (
    failure.exitCode === EXIT.unreachable ||
    failure instanceof Busy ||
    (failure instanceof Refused && (failure.status === 429 || failure.status >= 500))
  );
}

/**
 * Calls back for every revision of the environment after `from`, through lost connections and restarts of the service, until the
 * caller may no longer know about it. Says so then, and returns.
 */
export async function followRevisions(call: Call, from: number, onRevision: () => void): Promise<void> {
  const pauses = new Pauses();
  let last = String(from);
  let isLost = false;
  for (;;) {
    const begun = Date.now();
    try {
      const headers = { 'last-event-id': last };
      const options = { type: 'text/event-stream', silenceMs: SILENCE_MS };
      const chunks = await call.api.stream(EVENTS, { path: call.place, headers }, options);
      if (isLost) say(`coffer: watching ${call.placeName} again.`);
      isLost = false;
      for await (const id of revisionsIn(chunks)) {
        pauses.reset();
        last = id;
        onRevision();
      }
    } catch (error) {
      if (!(error instanceof Failure) || !isPassing(error)) {
        say(
          `coffer: ${call.placeName} is no longer watched, and the program goes on with what it has: ${onOneLine(error)}`,
        );
        return;
      }
      if (!isLost) say(`coffer: the connection was lost; trying again. ${onOneLine(error)}`);
      isLost = true;
    }
    // What has held for a while is no sign of a service in trouble.
    if (Date.now() - begun > LONGEST_PAUSE_MS) pauses.reset();
    await pauses.wait();
  }
}

export function onOneLine(error: unknown): string {
  return error instanceof Failure
    ? error.message.replaceAll(/\n */g, ' ')
    : 'something unexpected went wrong.';
}

/** The ids of the events in a stream of them (WHATWG HTML, 9.2). */
async function* revisionsIn(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    const events = text.split(/\r?\n\r?\n/);
    text = events.pop() ?? '';
    if (text.length > LONGEST_EVENT)
      throw new Failure(EXIT.unreachable, 'What came there are no events of Coffer.');
    for (const event of events) {
      const id = /^id: ?(\d+)$/m.exec(event)?.[1];
      if (id !== undefined && /^event: ?revision$/m.test(event)) yield id;
    }
  }
}
