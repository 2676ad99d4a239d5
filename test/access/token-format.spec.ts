import fc from 'fast-check';
import {
  hashOfToken,
  hasTokenPrefix,
  isHashOf,
  makeToken,
  readToken,
  type TokenName,
} from '../../src/access/token-format.js';

const ID = '0f4e2a51-93c7-4b1d-8e60-a5d2f7c31b98';
const ORG = 'c2a1907e-55d4-4f0b-b3a8-1e6d9f7042cb';
const SECRET = Buffer.from('000102030405060708090a0b0c0d0e0f1011121314151617', 'hex');

const NAMES: TokenName[] = [
  { kind: 'personal', id: ID },
  { kind: 'refresh', id: ID },
  { kind: 'service', orgId: ORG, id: ID },
  { kind: 'invitation', orgId: ORG, id: ID },
];

/** Made once with the first release. If this ever fails, tokens that people hold have stopped working. */
const FROZEN = [
  'cofp_0SsbbZrWRbq3oc9LCGrUts000A7dl5PEW67zZCpFU9uKaHnGgOvQKAR4CyoK7',
  'cofr_0SsbbZrWRbq3oc9LCGrUts000A7dl5PEW67zZCpFU9uKaHnGgOvQKAR3tL59b',
  'cofs_5vGLUGy5CRmw2Xj19GM37T0SsbbZrWRbq3oc9LCGrUts000A7dl5PEW67zZCpFU9uKaHnGgOvQKAR2JIcSn',
  'cofi_5vGLUGy5CRmw2Xj19GM37T0SsbbZrWRbq3oc9LCGrUts000A7dl5PEW67zZCpFU9uKaHnGgOvQKAR3V4SFC',
];

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

describe('round trip', () => {
  it('names the same token again, whatever its ids and its secret', () => {
    const secret = fc.uint8Array({ minLength: 24, maxLength: 24 });
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), secret, (id, orgId, bytes) => {
        for (const name of [
          { kind: 'personal', id },
          { kind: 'refresh', id },
          { kind: 'service', orgId, id },
          { kind: 'invitation', orgId, id },
        ] as const) {
          expect(readToken(makeToken(name, bytes).text)).toEqual(name);
        }
      }),
    );
  });

  it('makes another token each time', () => {
    const made = Array.from({ length: 100 }, () => makeToken({ kind: 'personal', id: ID }).text);
    expect(new Set(made).size).toBe(100);
  });

  it('gives the hash that the text is compared with', () => {
    const { text, hash } = makeToken({ kind: 'personal', id: ID });
    expect(isHashOf(hash, text)).toBe(true);
    expect(hash).toHaveLength(32);
  });
});

describe('isolation', () => {
  it('lets no token pass as one of another kind', () => {
    const { text } = makeToken({ kind: 'personal', id: ID }, SECRET);
    expect(readToken(text.replace('cofp_', 'cofr_'))).toBeNull();
    expect(readToken(text.replace('cofp_', 'cofs_'))).toBeNull();
    const invitation = makeToken({ kind: 'invitation', orgId: ORG, id: ID }, SECRET).text;
    expect(readToken(invitation.replace('cofi_', 'cofs_'))).toBeNull();
  });

  it('hashes two tokens of one id differently', () => {
    const [one, other] = [makeToken({ kind: 'personal', id: ID }), makeToken({ kind: 'personal', id: ID })];
    expect(isHashOf(one.hash, other.text)).toBe(false);
  });

  it('never takes a shorter stored hash for a match', () => {
    const { text, hash } = makeToken({ kind: 'personal', id: ID });
    expect(isHashOf(hash.subarray(0, 31), text)).toBe(false);
    expect(isHashOf(new Uint8Array(0), text)).toBe(false);
  });
});

describe('tampering', () => {
  it.each(NAMES)('notices every single changed character of a $kind token without a database', (name) => {
    const { text } = makeToken(name, SECRET);
    for (let index = 5; index < text.length; index += 1) {
      const other = text[index] === 'a' ? 'b' : 'a';
      expect(readToken(text.slice(0, index) + other + text.slice(index + 1))).toBeNull();
    }
  });

  it('notices two characters that changed places', () => {
    const { text } = makeToken({ kind: 'personal', id: ID }, SECRET);
    for (let index = 5; index + 1 < text.length; index += 1) {
      const [one = '', other = ''] = [text[index], text[index + 1]];
      if (one === other) continue;
      expect(readToken(text.slice(0, index) + other + one + text.slice(index + 2))).toBeNull();
    }
  });
});

describe('malformed input', () => {
  it('is no token: any text, with or without a prefix', () => {
    const digits = fc.string({ unit: fc.constantFrom(...DIGITS), maxLength: 100 });
    fc.assert(
      fc.property(fc.constantFrom('cofp_', 'cofs_', 'cofi_', 'cofr_', ''), digits, (prefix, rest) => {
        expect(readToken(prefix + rest)).toBeNull();
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(readToken(text)).toBeNull();
      }),
    );
  });

  it.each(['', 'cofp_', `cofp_${'0'.repeat(60)}`, `cofp_${'z'.repeat(61)}`, `cofp_${'é'.repeat(61)}`])(
    'is no token: %s',
    (text) => {
      expect(readToken(text)).toBeNull();
    },
  );

  it('refuses to make a token with a short secret or an id that is none', () => {
    expect(() => makeToken({ kind: 'personal', id: ID }, SECRET.subarray(1))).toThrow(TypeError);
    expect(() => makeToken({ kind: 'personal', id: 'me' })).toThrow(TypeError);
  });
});

describe('format', () => {
  it('writes and reads the frozen vectors of the first release', () => {
    expect(NAMES.map((name) => makeToken(name, SECRET).text)).toEqual(FROZEN);
    expect(FROZEN.map(readToken)).toEqual(NAMES);
  });

  it('hashes as on the first day', () => {
    expect(hashOfToken(FROZEN[0] ?? '').toString('hex')).toBe(
      'f97b40ce31c3482851c064fc5a5b21b1f68dad9c742da423e1820cd7c6a13661',
    );
  });

  it('is a prefix, base62 of a fixed width, and nothing that needs quoting anywhere', () => {
    expect(FROZEN[0]).toMatch(/^cofp_[0-9A-Za-z]{61}$/);
    expect(FROZEN[1]).toMatch(/^cofr_[0-9A-Za-z]{61}$/);
    expect(FROZEN[2]).toMatch(/^cofs_[0-9A-Za-z]{83}$/);
    expect(FROZEN[3]).toMatch(/^cofi_[0-9A-Za-z]{83}$/);
  });

  it('is told from a session token by its prefix', () => {
    expect(FROZEN.every(hasTokenPrefix)).toBe(true);
    expect(hasTokenPrefix('eyJhbGciOiJIUzI1NiJ9.e30.x')).toBe(false);
  });
});
