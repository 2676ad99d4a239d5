import type { Call } from './call.js';
import { usage } from './failure.js';
import { timeFrom } from './times.js';

/** What `--expires` says, as a time; undefined when it says nothing. */
export function expiryOf(call: Call): string | undefined {
  const text = call.flags.text('expires');
  if (text === undefined) return undefined;
  const time = timeFrom(text);
  if (time === null)
    throw usage(`--expires takes 30m, 12h, 30d, or a time such as 2030-01-31T12:00:00Z; not “${text}”.`);
  return time;
}
