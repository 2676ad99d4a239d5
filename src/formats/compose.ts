import type { Lines } from './entry.js';

// A backslash that has no partner, before a single quote or at the end.
const BACKSLASH_BEFORE_QUOTE = /(?<!\\)(?:\\\\)*\\(?:'|$)/;

/**
 * A line for an `env_file` of Docker Compose. In single quotes it expands no `$` and takes backslashes as they are, in
 * pairs or before any character but a single quote; that one it unescapes.
 */
export function writeCompose(variable: string, value: string): Lines {
  if (BACKSLASH_BEFORE_QUOTE.test(value)) {
    return { reason: 'Compose cannot read a backslash before a single quote or at the end.' };
  }
  return { text: `${variable}='${value.replaceAll("'", "\\'")}'\n` };
}
