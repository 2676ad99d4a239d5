import { hash, sign, verify, type KeyObject } from 'node:crypto';
import type { AuditEvent, AuditRecord } from './audit-event.js';
import { canonical, canonicalObject, text } from './canonical.js';

/**
 * The chain that makes a trail tamper-evident: each event carries the SHA-256 of its own canonical bytes, and those contain the hash of the
 * event before it. The last link is signed (Ed25519). Pure: no clock, no database, no Nest.
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
  const { actor, action, outcome, list } = record;
  const event = {
    seq: previous.seq + 1,
    at,
    actor: { type: actor.type, id: actor.id, name: actor.name },
    action,
    resource: list === undefined ? record.resource : { ...record.resource, secrets: list.secrets },
    outcome,
    ip,
    userAgent,
    requestId,
    prevHash: previous.hash,
  };
  const resource = list === undefined ? undefined : new Map([['secrets', list.text]]);
  return { ...event, hash: digest(eventText(event, canonicalObject(record.resource, resource))) };
}

/** The hash that an event must carry. */
export function hashOf(event: Omit<AuditEvent, 'hash'>): string {
  return digest(eventText(event, canonical(event.resource)));
}

/** The canonical bytes of an event, whose keys are known and stand here in their order; `resource` is canonical already. */
function eventText(event: Omit<AuditEvent, 'hash'>, resource: string): string {
  const { id, name, type } = event.actor;
  return (
    `{"action":${text(event.action)},"actor":{"id":${text(id)},"name":${text(name)},"type":${text(type)}}` +
    `,"at":${text(event.at)},"ip":${text(event.ip)},"outcome":${text(event.outcome)},"prevHash":${text(event.prevHash)}` +
    `,"requestId":${text(event.requestId)},"resource":${resource},"seq":${canonical(event.seq)},"userAgent":${text(event.userAgent)}}`
  );
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

function digest(bytes: string): string {
  return hash('sha256', bytes, 'hex');
}
