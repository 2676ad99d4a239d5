import type { Lines } from './entry.js';

// systemd drops an assignment with a control character other than these two, and a file with a noncharacter.
const CONTROL = /(?![\t\n])[\0-\x1f\x7f]/;
const NONCHARACTER = /\p{Noncharacter_Code_Point}/u;

/**
 * A line for systemd's `EnvironmentFile=`. In double quotes it takes everything as it is, line feeds and `$` too, but
 * for the backslash and the quote.
 */
export function writeSystemd(variable: string, value: string): Lines {
  if (CONTROL.test(value)) {
    return {
      reason:
        'An EnvironmentFile= of systemd refuses control characters other than the tab and the line feed.',
    };
  }
  if (NONCHARACTER.test(value))
    return { reason: 'An EnvironmentFile= of systemd refuses code points that are no characters.' };
  return { text: `${variable}="${value.replace(/["\\]/g, '\\$&')}"\n` };
}
