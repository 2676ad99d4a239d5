import type { Lines } from './entry.js';

// Docker reads lines with a buffer of this many bytes, which the line's end has to fit into as well.
const LONGEST_LINE = 65_535;

/** A line for `docker run --env-file`, which takes everything after the first `=` as it stands. */
export function writeDocker(variable: string, value: string): Lines {
  if (/[\n\r]/.test(value)) return { reason: 'An env-file of Docker has one line for each variable.' };
  const line = `${variable}=${value}`;
  if (Buffer.byteLength(line, 'utf8') > LONGEST_LINE) {
    return { reason: `Docker reads lines of at most ${LONGEST_LINE} bytes.` };
  }
  return { text: `${line}\n` };
}
