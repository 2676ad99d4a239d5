import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import {
  FORMAT_VERSION,
  keyIdOf,
  open,
  seal,
  sealAll,
  SealBroken,
  type Place,
} from '../../src/crypto/envelope.js';

const KEY = Buffer.alloc(32, 7);
const KEY_ID = '8c1f2c0a-6f0e-4a53-9d3b-0a1b2c3d4e5f';
const PLACE: Place = { purpose: 'value', path: ['org', 'environment', 'secret', 1] };

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

describe('round trip', () => {
  it('opens to exactly the bytes that were sealed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (content) => {
        expect(open(KEY, PLACE, seal(KEY, KEY_ID, PLACE, content)).equals(Buffer.from(content))).toBe(true);
      }),
    );
  });

  it('seals nothing at all as a value too', () => {
    expect(open(KEY, PLACE, seal(KEY, KEY_ID, PLACE, Buffer.alloc(0)))).toHaveLength(0);
  });

  it('seals the same content differently each time', () => {
    const content = Buffer.from('same');
    expect(seal(KEY, KEY_ID, PLACE, content).equals(seal(KEY, KEY_ID, PLACE, content))).toBe(false);
  });

  it('seals many at once, each for its place, and no two with one nonce', () => {
    const sealed = sealAll(
      KEY,
      KEY_ID,
      Array.from({ length: 300 }).map((_, index) => index),
      (index) => ({
        place: { purpose: 'value', path: [index] },
        content: Buffer.from(String(index)),
      }),
    );
    const nonces = new Set(sealed.map(({ sealed: bytes }) => bytes.subarray(17, 29).toString('hex')));
    expect(nonces.size).toBe(300);
    for (const { one, sealed: bytes } of sealed) {
      expect(text(open(KEY, { purpose: 'value', path: [one] }, bytes))).toBe(String(one));
      expect(() => open(KEY, { purpose: 'value', path: [one + 1] }, bytes)).toThrow(SealBroken);
    }
  });

  it('names the key that opens it', () => {
    expect(keyIdOf(seal(KEY, KEY_ID, PLACE, Buffer.from('x')))).toBe(KEY_ID);
  });
});

describe('isolation', () => {
  const sealed = seal(KEY, KEY_ID, PLACE, Buffer.from('value'));

  it.each<[string, Place]>([
    ['another purpose', { ...PLACE, purpose: 'mask' }],
    ['another organisation', { purpose: 'value', path: ['other', 'environment', 'secret', 1] }],
    ['another environment', { purpose: 'value', path: ['org', 'other', 'secret', 1] }],
    ['another secret', { purpose: 'value', path: ['org', 'environment', 'other', 1] }],
    ['another version', { purpose: 'value', path: ['org', 'environment', 'secret', 2] }],
    ['a path cut at another place', { purpose: 'value', path: ['org', 'environments', 'ecret', 1] }],
    ['a shorter path', { purpose: 'value', path: ['org', 'environment', 'secret'] }],
    ['a longer path', { purpose: 'value', path: ['org', 'environment', 'secret', 1, ''] }],
  ])('does not open in %s', (_, place) => {
    expect(() => open(KEY, place, sealed)).toThrow(SealBroken);
  });

  it('does not open under another key', () => {
    expect(() => open(randomBytes(32), PLACE, sealed)).toThrow(SealBroken);
  });
});

describe('tampering', () => {
  const sealed = seal(KEY, KEY_ID, PLACE, Buffer.from('a value of some length'));

  it('notices every single flipped bit', () => {
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const altered = Buffer.from(sealed);
      altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(() => open(KEY, PLACE, altered)).toThrow(SealBroken);
    }
  });

  it('notices a cut at every length', () => {
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => open(KEY, PLACE, sealed.subarray(0, length))).toThrow(SealBroken);
    }
  });

  it('notices appended bytes', () => {
    expect(() => open(KEY, PLACE, Buffer.concat([sealed, Buffer.of(0)]))).toThrow(SealBroken);
  });
});

describe('malformed input', () => {
  it('refuses random bytes without anything but SealBroken', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        expect(() => open(KEY, PLACE, bytes)).toThrow(SealBroken);
      }),
    );
  });

  it('refuses a key id that is no uuid', () => {
    expect(() => seal(KEY, 'not-a-uuid', PLACE, Buffer.from('x'))).toThrow(TypeError);
  });

  it('refuses a key of the wrong length', () => {
    expect(() => seal(Buffer.alloc(16), KEY_ID, PLACE, Buffer.from('x'))).toThrow('Invalid key length');
  });
});

describe('format', () => {
  // Sealed once with the first release. If this ever fails, stored values have become unreadable.
  const FROZEN = 'AYwfLApvDkpTnTsKGyw9Tl8UxAN7lZtCbOt1jFXze+S18/afQPbr8v5oMd5qBk6ZcDexWtXIFdNvPJBcbvfO';

  it('opens the frozen vector of the first release', () => {
    expect(text(open(KEY, PLACE, Buffer.from(FROZEN, 'base64')))).toBe('frozen in 2026 ✓');
  });

  it('begins with its version and the id of its key', () => {
    const sealed = seal(KEY, KEY_ID, PLACE, Buffer.from('x'));
    expect(sealed[0]).toBe(FORMAT_VERSION);
    expect(sealed.subarray(1, 17).toString('hex')).toBe(KEY_ID.replaceAll('-', ''));
    expect(sealed).toHaveLength(1 + 16 + 12 + 1 + 16);
  });
});
