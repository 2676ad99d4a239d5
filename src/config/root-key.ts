// The root key as people write it: base64 of 32 random bytes, in a setting or in a file. What cannot have come
// from a random source is refused here, for every place that a root key can be given in.

import { Malformed } from './malformed.js';

export const ROOT_KEY_BYTES = 32;

const HOW_TO_MAKE_ONE = 'Make one with: openssl rand -base64 32';

/**
 * Reads a root key: standard or URL-safe base64, with or without padding, white space around it ignored.
 * Throws `Malformed` with a reason that does not repeat the key.
 */
export function rootKeyFromText(text: string): Uint8Array {
  const trimmed = text.trim();
  if (trimmed === '') throw new Malformed(`the key is empty. ${HOW_TO_MAKE_ONE}`);
  if (/^[0-9a-fA-F]{64}$/.test(trimmed)) {
    throw new Malformed(`the key looks hexadecimal; it must be base64. ${HOW_TO_MAKE_ONE}`);
  }
  const digits = trimmed
    .replace(/={0,2}$/, '')
    .replaceAll('-', '+')
    .replaceAll('_', '/');
  const key = Buffer.from(digits, 'base64');
  // Buffer skips what it cannot read, so only a key that is written back the same was read in full.
  if (key.toString('base64').replace(/=+$/, '') !== digits) {
    throw new Malformed(`the key is not base64. ${HOW_TO_MAKE_ONE}`);
  }
  if (key.length !== ROOT_KEY_BYTES) {
    throw new Malformed(
      `the key has ${String(key.length)} bytes; it must have ${String(ROOT_KEY_BYTES)}. ${HOW_TO_MAKE_ONE}`,
    );
  }
  const weakness = weaknessOf(key);
  if (weakness !== null) throw new Malformed(`the key is weak: ${weakness}. ${HOW_TO_MAKE_ONE}`);
  return new Uint8Array(key);
}

// Each of these happens to fewer than one random key in ten thousand million.
function weaknessOf(key: Buffer): string | null {
  const distinct = new Set(key).size;
  if (distinct === 1) return 'all its bytes are equal';
  if (distinct < 16) return 'it repeats a few bytes only';
  const steps = new Set([...key.subarray(1)].map((byte, index) => (byte - (key[index] ?? 0) + 256) % 256));
  if (steps.size === 1) return 'its bytes only count up or down';
  if (key.subarray(0, 16).equals(key.subarray(16))) return 'its second half repeats the first';
  if (key.every((byte) => byte >= 0x20 && byte <= 0x7e)) return 'it is readable text, not random bytes';
  return null;
}
