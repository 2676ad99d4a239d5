import type { AnyAccess } from '../access/access.js';
import { actorOf, type Actor, type Origin } from '../access/caller.js';
import { EventList, type NamedSecret } from './event-list.js';

/** What a record says it was done to. Names and numbers only: never a value, a token or a body. */
export type Resource = Readonly<{
  project?: string;
  environment?: string;
  secret?: string;
  version?: number;
  /** Many secrets in one record: which ones, at which version. */
  secrets?: readonly NamedSecret[];
  [detail: string]: unknown;
}>;

/** What the code that acts knows about an event. The chain adds its place, time and hashes. */
export type AuditRecord = Readonly<{
  actor: Actor;
  origin: Origin;
  action: string;
  resource: Resource;
  /** The resource's `secrets`, when they are written out already. */
  list?: EventList | undefined;
  outcome: 'allowed' | 'denied';
}>;

/** One event of a trail, as it is hashed, stored, listed and exported. */
export type AuditEvent = Readonly<{
  seq: number;
  /** RFC 3339, UTC, milliseconds. */
  at: string;
  actor: Actor;
  action: string;
  resource: Resource;
  outcome: 'allowed' | 'denied';
  ip: string;
  userAgent: string;
  requestId: string;
  prevHash: string;
  hash: string;
}>;

/** The record of something that was allowed, with the project and the environment that the proof is for. */
export function allowed(access: AnyAccess, action: string, details: Resource, list?: EventList): AuditRecord {
  const { caller, origin, place } = access;
  return {
    actor: actorOf(caller),
    origin,
    action,
    resource: { ...place, ...details },
    list,
    outcome: 'allowed',
  };
}

/** The record with its many secrets in a list, however it was made. */
export function listed(record: AuditRecord): AuditRecord {
  if (record.resource.secrets === undefined) return record;
  const { secrets, ...resource } = record.resource;
  return { ...record, resource, list: new EventList(secrets) };
}
