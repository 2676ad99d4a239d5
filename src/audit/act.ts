import { hash } from 'node:crypto';
import type { AuditEvent } from './audit-event.js';

/**
 * Who did what where, and whether it was allowed. A fleet that reads does the same few acts over and over, so the trail is searched by them:
 * each stands once in `org_acts`, and its events point to it. Returns the act's key, a UUID made of its SHA-256.
 */
export function actOf({ actor, action, outcome, resource }: AuditEvent): string {
  const { project = null, environment = null } = resource;
  const digest = hash(
    'sha256',
    JSON.stringify([actor.id, actor.name, action, outcome, project, environment]),
    'hex',
  );
  const [a, b, c, d, e] = [
    digest.slice(0, 8),
    digest.slice(8, 12),
    digest.slice(12, 16),
    digest.slice(16, 20),
    digest.slice(20, 32),
  ];
  return `${a}-${b}-${c}-${d}-${e}`;
}
