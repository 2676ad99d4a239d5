// What a secret's value may be: any text up to a size. The two things that it may not hold are those which no
// environment variable (NUL) and no UTF-8 (a lone surrogate) can carry.

/** The largest value, in bytes of its UTF-8 form. */
export const LARGEST_VALUE = 65_536;

/** Why the value is refused, as a sentence that never shows any of it, or null when it is fine; `''` is a value. */
export function valueProblem(value: string): string | null {
  if (!value.isWellFormed()) return 'A value must be Unicode text; this one holds half of a surrogate pair.';
  if (value.includes('\0')) return 'A value must not contain a NUL character.';
  if (Buffer.byteLength(value, 'utf8') > LARGEST_VALUE) {
    return `A value has at most ${LARGEST_VALUE.toLocaleString('en')} bytes in UTF-8.`;
  }
  return null;
}
