import type { Entry } from './entry.js';

/** One object with the names as declared. Carries every value. */
export function writeJson(entries: readonly Entry[]): string {
  const values = Object.fromEntries(entries.map(({ name, value }) => [name, value]));
  return `${JSON.stringify(values, null, 2)}\n`;
}
