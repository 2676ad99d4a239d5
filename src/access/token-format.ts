import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * How opaque tokens are written. Pure: no clock, no database, no Nest.
 *
 *     cofp_ · token id · secret · checksum                    a personal access token
 *     cofs_ · organisation id · token id · secret · checksum  a service token
 *     cofi_ · organisation id · token id · secret · checksum  an invitation
 *     cofr_ · token id · secret · checksum                    a refresh token
 *
 * Every part is base62 of a fixed width: 22 digits for an id of 128 bits, 33 for a secret of 192 random bits, 6 for the CRC-32 of
 * everything before it. So a typing error is told without a database, and a secret scanner knows a real token from a look-alike. A service
 * token and an invitation name their organisation because row-level security hides their rows from whoever does not. Frozen vectors hold the
 * format.
 */
export type TokenName =
  | Readonly<{ kind: 'personal'; id: string }>
  | Readonly<{ kind: 'refresh'; id: string }>
  | Readonly<{ kind: 'service'; orgId: string; id: string }>
  | Readonly<{ kind: 'invitation'; orgId: string; id: string }>;

/** A token at its birth: `text` is shown once, `hash` is stored. */
export type NewToken = Readonly<{ text: string; hash: Buffer }>;

export const SECRET_BYTES = 24;

const PREFIXES = { personal: 'cofp_', service: 'cofs_', invitation: 'cofi_', refresh: 'cofr_' } as const;
const KINDS = ['personal', 'service', 'invitation', 'refresh'] as const;

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_WIDTH = 22;
const SECRET_WIDTH = 33;
const CHECKSUM_WIDTH = 6;
const ID_BYTES = 16;

/** Whether a credential is meant as one of these: by its prefix alone. */
export function hasTokenPrefix(credential: string): boolean {
  return KINDS.some((kind) => credential.startsWith(PREFIXES[kind]));
}

export function makeToken(name: TokenName, secret: Uint8Array = randomBytes(SECRET_BYTES)): NewToken {
  if (secret.length !== SECRET_BYTES) throw new TypeError('A token has a secret of 24 bytes.');
  const ids = 'orgId' in name ? [name.orgId, name.id] : [name.id];
  const parts = [...ids.map((id) => base62(uuidBytes(id), ID_WIDTH)), base62(secret, SECRET_WIDTH)];
  const body = PREFIXES[name.kind] + parts.join('');
  const text = body + checksum(body);
  return { text, hash: hashOfToken(text) };
}

/** Which token a text names, or null when nobody can have been given it. Says nothing of its secret: that takes the stored hash. */
export function readToken(text: string): TokenName | null {
  const kind = KINDS.find((candidate) => text.startsWith(PREFIXES[candidate]));
  if (kind === undefined) return null;
  const start = PREFIXES[kind].length;
  const idCount = namesItsOrg(kind) ? 2 : 1;
  const end = start + idCount * ID_WIDTH + SECRET_WIDTH;
  if (text.length !== end + CHECKSUM_WIDTH) return null;
  const parts = text.slice(start);
  const ids = Array.from({ length: idCount }, (_, index) =>
    parts.slice(index * ID_WIDTH, (index + 1) * ID_WIDTH),
  );
  const [first, second] = ids.map((digits) => fromBase62(digits, ID_BYTES));
  const secret = fromBase62(parts.slice(idCount * ID_WIDTH, -CHECKSUM_WIDTH), SECRET_BYTES);
  if (first == null || second === null || secret === null) return null;
  if (text.slice(end) !== checksum(text.slice(0, end))) return null;
  if (!namesItsOrg(kind)) return { kind, id: uuidText(first) };
  return second === undefined ? null : { kind, orgId: uuidText(first), id: uuidText(second) };
}

function namesItsOrg(kind: TokenName['kind']): kind is 'service' | 'invitation' {
  return kind === 'service' || kind === 'invitation';
}

/** SHA-256 of the whole text. The secret in it is random and long: a slower hash would protect nothing more. */
export function hashOfToken(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

/** Compares in constant time with what was stored. */
export function isHashOf(stored: Uint8Array, text: string): boolean {
  const given = hashOfToken(text);
  return stored.length === given.length && timingSafeEqual(stored, given);
}

function checksum(body: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return base62(bytes, CHECKSUM_WIDTH);
}

function base62(bytes: Uint8Array, width: number): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let digits = '';
  for (let index = 0; index < width; index += 1) {
    digits = (DIGITS[Number(rest % 62n)] ?? '') + digits;
    rest /= 62n;
  }
  return digits;
}

/** Null for what is no digit, and for a number that the bytes cannot hold: every token has one spelling. */
function fromBase62(digits: string, byteLength: number): Buffer | null {
  let number = 0n;
  for (const digit of digits) {
    const value = DIGITS.indexOf(digit);
    if (value < 0) return null;
    number = number * 62n + BigInt(value);
  }
  const hex = number.toString(16).padStart(byteLength * 2, '0');
  return hex.length > byteLength * 2 ? null : Buffer.from(hex, 'hex');
}

function uuidBytes(uuid: string): Buffer {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  if (bytes.length !== ID_BYTES) throw new TypeError('A token is named by a UUID.');
  return bytes;
}

function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
