import { createHash, sign, verify, type KeyObject } from 'node:crypto';
import type { AuditEvent, AuditRecord } from './audit-event.js';

/**
 * The chain that makes a trail tamper-evident: each event carries the SHA-256 of its own canonical bytes, and those contain the hash of the
 * event before it. The last link is signed (Ed25519). Pure: no clock, no database, no Nest.
 *
 * Canonical bytes: the event without `hash` as JSON, keys sorted by code unit at every depth, no white space, UTF-8 (the idea of RFC 8785,
 * with integers as the only numbers).
 */

/** The two kinds of trail: an organisation's, and a user's own. */
export type Chain = Readonly<{ kind: 'org' | 'user'; id: string }>;

export type Link = Readonly<{ seq: number; hash: string }>;

export type Head = Link & Readonly<{ at: string; signature: string }>;

/** What the first event of a chain points to: it binds the whole chain to its owner. */
export function genesis(chain: Chain): Link {
  return { seq: 0, hash: digest(`coffer/audit/v1/${chain.kind}/${chain.id}`) };
}

/** The event that follows `previous`. */
export function link(previous: Link, record: AuditRecord, at: string): AuditEvent {
  const { ip, userAgent, requestId } = record.origin;
  const { actor, action, resource, outcome } = record;
  const body = {
    seq: previous.seq + 1,
    at,
    actor: { type: actor.type, id: actor.id, name: actor.name },
    action,
    resource,
    outcome,
    ip,
    userAgent,
    requestId,
    prevHash: previous.hash,
  };
  return { ...body, hash: hashOf(body) };
}

/** The hash that an event must carry. */
export function hashOf(event: Omit<AuditEvent, 'hash'>): string {
  const { seq, at, actor, action, resource, outcome, ip, userAgent, requestId, prevHash } = event;
  return digest(canonical({ seq, at, actor, action, resource, outcome, ip, userAgent, requestId, prevHash }));
}

export function signHead(key: KeyObject, last: Link, at: string): string {
  return sign(null, headBytes(last, at), key).toString('base64');
}

export function isSignedBy(key: KeyObject, head: Head): boolean {
  return verify(null, headBytes(head, head.at), key, Buffer.from(head.signature, 'base64'));
}

function headBytes(last: Link, at: string): Buffer {
  return Buffer.from(`coffer/audit-head/v1\n${String(last.seq)}\n${last.hash}\n${at}`, 'utf8');
}

/** The canonical text of plain JSON data. Throws on anything that JSON cannot carry exactly. */
export function canonical(data: unknown): string {
  if (data === null || typeof data === 'string' || typeof data === 'boolean') return JSON.stringify(data);
  if (typeof data === 'number') {
    if (!Number.isSafeInteger(data)) throw new TypeError('An audit event holds whole numbers only.');
    return String(data);
  }
  if (Array.isArray(data)) return `[${data.map(canonical).join(',')}]`;
  if (typeof data !== 'object') throw new TypeError('An audit event holds plain data only.');
  const members = Object.entries(data)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`);
  return `{${members.join(',')}}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
