import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/**
 * The sealed form of a value: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, 8.2.2) and additional data that says where it
 * belongs. Pure: bytes in, bytes out.
 *
 *     1 byte format version · 16 bytes data key id · 12 bytes nonce · ciphertext · 16 bytes tag
 *
 * The format must open for ever: a test holds a frozen vector of it.
 */
export const FORMAT_VERSION = 1;
export const KEY_BYTES = 32;

const KEY_ID_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES;

/** Why something does not open. One class for every cause: what exactly is wrong with it is nobody's business but the log's. */
export class SealBroken extends Error {
  constructor(reason: string) {
    super(`The sealed bytes do not open: ${reason}.`);
    this.name = 'SealBroken';
  }
}

/**
 * Where a sealed value belongs: what it is for, whose it is and which one. In another row, another version or another environment it
 * does not open.
 */
export type Place = Readonly<{
  purpose: string;
  /** Identifiers from the outside in: organisation, environment, secret, version number. */
  path: readonly (string | number)[];
}>;

/** Something to be sealed, and where it belongs. */
export type Placed = Readonly<{ place: Place; content: Uint8Array }>;

/** Seals `content` under `key` (32 bytes). `keyId` is the uuid of that key: it stands readable in the result. */
export function seal(key: Uint8Array, keyId: string, place: Place, content: Uint8Array): Buffer {
  return sealWith(key, startOf(keyId), randomBytes(NONCE_BYTES), { place, content });
}

/** Each of many, sealed like that. Their nonces are drawn at once, which is most of what sealing something small costs. */
export function sealAll<T>(
  key: Uint8Array,
  keyId: string,
  all: readonly T[],
  placed: (one: T) => Placed,
): Readonly<{ one: T; sealed: Buffer }>[] {
  const start = startOf(keyId);
  const nonces = randomBytes(NONCE_BYTES * all.length);
  return all.map((one, index) => {
    const nonce = nonces.subarray(index * NONCE_BYTES, (index + 1) * NONCE_BYTES);
    return { one, sealed: sealWith(key, start, nonce, placed(one)) };
  });
}

function startOf(keyId: string): Buffer {
  return Buffer.concat([Buffer.of(FORMAT_VERSION), uuidToBytes(keyId)]);
}

function sealWith(key: Uint8Array, start: Buffer, nonce: Buffer, { place, content }: Placed): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(additionalData(start, place));
  return Buffer.concat([start, nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

/** Opens what `seal` made, or throws `SealBroken`. */
export function open(key: Uint8Array, place: Place, sealed: Uint8Array): Buffer {
  checkForm(sealed);
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const header = bytes.subarray(0, HEADER_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, header.subarray(1 + KEY_ID_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(additionalData(header.subarray(0, 1 + KEY_ID_BYTES), place));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  try {
    return Buffer.concat([
      decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES)),
      decipher.final(),
    ]);
  } catch {
    throw new SealBroken('they were altered, moved, or sealed under another key');
  }
}

/** The id of the data key that opens these bytes. */
export function keyIdOf(sealed: Uint8Array): string {
  checkForm(sealed);
  return bytesToUuid(sealed.subarray(1, 1 + KEY_ID_BYTES));
}

function checkForm(sealed: Uint8Array): void {
  if (sealed.length < HEADER_BYTES + TAG_BYTES) throw new SealBroken('they are too short');
  if (sealed[0] !== FORMAT_VERSION) throw new SealBroken('their format version is not known');
}

/** Every part with its length before it, so that no two places have the same bytes. */
function additionalData(start: Buffer, place: Place): Buffer {
  const parts = [place.purpose, ...place.path.map(String)].flatMap((part) => {
    const bytes = Buffer.from(part, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat([start, ...parts]);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function uuidToBytes(uuid: string): Buffer {
  if (!UUID.test(uuid)) throw new TypeError('A data key id must be a lower-case uuid.');
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

function bytesToUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
