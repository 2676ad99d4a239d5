import type { Lines } from './entry.js';

const BARE = /^[A-Za-z0-9_./:@%+=,-]+$/;

/**
 * A line for the `dotenv` package and for Node's own reader: the first of bare, single quotes, backticks and double
 * quotes that both read back equal. Neither knows a way to write a carriage return: inside quotes `dotenv` makes a
 * line feed of it and Node drops it, and only `dotenv` understands `\r` in double quotes.
 */
export function writeDotenv(variable: string, value: string): Lines {
  if (value.includes('\r')) return { reason: 'Readers of dotenv do not keep a carriage return.' };
  if (BARE.test(value)) return { text: `${variable}=${value}\n` };
  for (const quote of ["'", '`']) {
    if (!value.includes(quote))
      return { text: `${variable}=${quote}${value}${quote}${guard(value, quote)}\n` };
  }
  // Inside double quotes a backslash may begin an escape for one reader and be itself for the other.
  if (!/["\\]/.test(value)) return { text: `${variable}="${value.replaceAll('\n', '\\n')}"\n` };
  return {
    reason: 'No quotes of dotenv carry a single quote and a backtick next to a double quote or backslash.',
  };
}

/**
 * A comment behind a value that ends in a backslash. There `dotenv` first tries to read on, past the escaped quote,
 * to a later quote that ends a line, and would swallow the variables in between. The quote in this comment is the
 * next one that it finds, and does not end a line, so that it comes back.
 */
function guard(value: string, quote: string): string {
  return value.endsWith('\\') ? ` #${quote}.` : '';
}
