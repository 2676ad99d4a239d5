import { generateKeyPairSync } from 'node:crypto';
import type { AuditEvent, AuditRecord } from '../../src/audit/audit-event.js';
import { canonical } from '../../src/audit/canonical.js';
import { genesis, hashOf, isSignedBy, link, signHead, type Link } from '../../src/audit/hash-chain.js';

const CHAIN = { kind: 'org', id: '0b0e7d0c-28bd-4d8b-a3a4-1c5a8f1f0a01' } as const;
const AT = '2026-01-31T12:00:00.000Z';

function record(action: string): AuditRecord {
  return {
    actor: { type: 'user', id: 'u1', name: 'olivia' },
    origin: { ip: '127.0.0.1', userAgent: 'test', requestId: 'r1' },
    action,
    resource: { project: 'web', version: 1, secret: 'DB' },
    outcome: 'allowed',
  };
}

function chainOf(actions: readonly string[]): AuditEvent[] {
  let previous: Link = genesis(CHAIN);
  return actions.map((action) => {
    const event = link(previous, record(action), AT);
    previous = event;
    return event;
  });
}

describe('a chain', () => {
  it('numbers its events from 1 on and ties each to the one before it', () => {
    const [first, second] = chainOf(['a', 'b']);
    expect(first).toMatchObject({ seq: 1, prevHash: genesis(CHAIN).hash });
    expect(second).toMatchObject({ seq: 2, prevHash: first?.hash });
  });

  it('begins differently for every owner', () => {
    expect(genesis(CHAIN).hash).not.toBe(genesis({ kind: 'user', id: CHAIN.id }).hash);
  });

  it.each(['seq', 'at', 'action', 'outcome', 'ip', 'userAgent', 'requestId', 'prevHash'] as const)(
    'has another hash when %s is changed',
    (field) => {
      const [event] = chainOf(['a']);
      if (event === undefined) throw new Error('a chain of one has one event');
      expect(hashOf(event)).toBe(event.hash);
      expect(hashOf({ ...event, [field]: field === 'seq' ? 2 : 'changed' })).not.toBe(event.hash);
    },
  );

  it('has another hash when the actor or the resource is changed', () => {
    const [event] = chainOf(['a']);
    if (event === undefined) throw new Error('a chain of one has one event');
    expect(hashOf({ ...event, actor: { ...event.actor, name: 'mallory' } })).not.toBe(event.hash);
    expect(hashOf({ ...event, resource: { ...event.resource, version: 2 } })).not.toBe(event.hash);
    expect(hashOf({ ...event, resource: { ...event.resource, more: true } })).not.toBe(event.hash);
  });
});

describe('canonical bytes', () => {
  it('do not depend on the order of the keys', () => {
    expect(canonical({ b: [1, { d: null, c: 'x' }], a: true })).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}');
    expect(canonical({ a: true, b: [1, { c: 'x', d: null }] })).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}');
  });

  it('refuse what JSON cannot carry exactly', () => {
    for (const data of [1.5, Number.NaN, 2 ** 60, () => 1, Symbol('s')]) {
      expect(() => canonical({ data })).toThrow(TypeError);
    }
  });

  it('of a known event have a known hash for ever', () => {
    const [event] = chainOf(['secret.value-get']);
    expect(event?.hash).toBe('7de018e52a05e4582ec65ec544012556b98a98ad892ecd97534dd6232eea429b');
  });
});

describe('a signed head', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const last = { seq: 3, hash: 'ab'.repeat(32) };
  const head = { ...last, at: AT, signature: signHead(privateKey, last, AT) };

  it('is verified by the public key', () => {
    expect(isSignedBy(publicKey, head)).toBe(true);
  });

  it('is refused with another number, hash, time, signature or key', () => {
    expect(isSignedBy(publicKey, { ...head, seq: 2 })).toBe(false);
    expect(isSignedBy(publicKey, { ...head, hash: 'ac'.repeat(32) })).toBe(false);
    expect(isSignedBy(publicKey, { ...head, at: '2026-01-31T12:00:00.001Z' })).toBe(false);
    expect(isSignedBy(publicKey, { ...head, signature: '' })).toBe(false);
    expect(isSignedBy(generateKeyPairSync('ed25519').publicKey, head)).toBe(false);
  });
});
