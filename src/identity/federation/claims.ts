/** What a trust says about a token: each claim with the value, or the values, that it must have. */
export type TrustedClaims = Readonly<Record<string, string | readonly string[]>>;

/** One thing that does not fit. `claim` can also be a part of the token's header, or its signature; a claim that is missing is null. */
export type Mismatch = Readonly<{ claim: string; expected: string | readonly string[]; actual: unknown }>;

/**
 * Compares each trusted claim on its own with what a token says, exactly, as strings: no patterns, no folding of case, nothing trimmed.
 * A whole number is its decimal digits; lists and objects never match, except for `aud`, which may be a list (RFC 7519, 4.1.3). Pure.
 */
export function mismatchesOf(trusted: TrustedClaims, actual: Readonly<Record<string, unknown>>): Mismatch[] {
  return Object.entries(trusted).flatMap(([claim, expected]) => {
    const found: unknown = Object.hasOwn(actual, claim) ? actual[claim] : undefined;
    const accepted = typeof expected === 'string' ? [expected] : expected;
    return textsOf(claim, found).some((text) => accepted.includes(text))
      ? []
      : [{ claim, expected, actual: found ?? null }];
  });
}

function textsOf(claim: string, value: unknown): string[] {
  if (claim === 'aud' && Array.isArray(value)) return value.flatMap((member) => textOf(member) ?? []);
  return [textOf(value) ?? []].flat();
}

/** Numbers beyond 2^53 have lost digits when they were parsed: two ids could look like one, so they are none. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || Number.isSafeInteger(value)) return String(value);
  return null;
}

const LONGEST_TOLD = 1_024;
const MOST_TOLD = 50;

/** What a token says, as far as it can be told to people: deep and long things are cut short. */
export function toldActual(value: unknown): string | number | boolean | null | readonly unknown[] {
  if (typeof value === 'string') return value.slice(0, LONGEST_TOLD).toWellFormed();
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) {
    return value.slice(0, MOST_TOLD).map((member) => (Array.isArray(member) ? 'a list' : toldActual(member)));
  }
  return typeof value === 'object' && value !== null ? 'an object' : null;
}
