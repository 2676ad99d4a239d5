import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { AuditEvent } from './audit-event.js';

/** An event as the database has it; the owner's column differs between the two kinds of trail and is not among these. */
export type EventRow = Readonly<{
  seq: string;
  at: Date;
  actor_type: AuditEvent['actor']['type'];
  actor_id: string | null;
  actor_name: string | null;
  action: string;
  outcome: AuditEvent['outcome'];
  resource: AuditEvent['resource'];
  ip: string;
  user_agent: string;
  request_id: string;
  prev_hash: Buffer;
  hash: Buffer;
}>;

const COLUMNS = (resource: string): string =>
  `seq, at, actor_type, actor_id, actor_name, action, outcome, ${resource} as resource, ip, user_agent, request_id, prev_hash, hash`;

/** The columns of an `EventRow`, in a statement about that one table. The secrets of an organisation's record may stand in a list of their own. */
export const EVENT_COLUMNS = {
  org: COLUMNS(`case when list is null then resource else resource || coalesce((
    select jsonb_build_object('secrets', l.secrets) from org_event_lists l
    where l.org_id = org_events.org_id and l.digest = org_events.list), '{}') end`),
  user: COLUMNS('resource'),
} as const;

export class ActorView {
  @ApiProperty({ enum: ['user', 'service-token', 'system', 'anonymous'] })
  type!: AuditEvent['actor']['type'];

  @ApiProperty({ type: String, nullable: true })
  id!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'olivia' })
  name!: string | null;
}

export class ResourceView {
  @ApiPropertyOptional()
  project?: string;

  @ApiPropertyOptional()
  environment?: string;

  @ApiPropertyOptional()
  secret?: string;

  @ApiPropertyOptional({ type: 'integer' })
  version?: number;
}

/** One event of a trail. Never a value, a token or a request body. */
export class EventView implements AuditEvent {
  @ApiProperty({ type: 'integer', example: 17 })
  seq!: number;

  @ApiProperty({ format: 'date-time' })
  at!: string;

  @ApiProperty({ type: ActorView })
  actor!: AuditEvent['actor'];

  @ApiProperty({ example: 'secret.value-get' })
  action!: string;

  @ApiProperty({
    allOf: [{ $ref: '#/components/schemas/ResourceView' }],
    description: 'What it was done to.',
  })
  resource!: AuditEvent['resource'];

  @ApiProperty({ enum: ['allowed', 'denied'] })
  outcome!: AuditEvent['outcome'];

  @ApiProperty({ example: '203.0.113.7' })
  ip!: string;

  @ApiProperty()
  userAgent!: string;

  @ApiProperty({ description: 'The X-Request-Id of the answer.' })
  requestId!: string;

  @ApiProperty({ description: 'SHA-256 of the event before it, hexadecimal.' })
  prevHash!: string;

  @ApiProperty({ description: 'SHA-256 of this event, hexadecimal.' })
  hash!: string;

  static of(row: EventRow): EventView {
    return {
      seq: Number(row.seq),
      at: row.at.toISOString(),
      actor: { type: row.actor_type, id: row.actor_id, name: row.actor_name },
      action: row.action,
      resource: row.resource,
      outcome: row.outcome,
      ip: row.ip,
      userAgent: row.user_agent,
      requestId: row.request_id,
      prevHash: row.prev_hash.toString('hex'),
      hash: row.hash.toString('hex'),
    };
  }
}

/** The signed last link of a chain: with it an export can be proven complete. */
export class HeadView {
  @ApiProperty({ type: 'integer', description: 'The last event’s number; 0 before the first.', example: 17 })
  seq!: number;

  @ApiProperty({ description: 'The last event’s hash, hexadecimal.' })
  hash!: string;

  @ApiProperty({ format: 'date-time' })
  at!: string;

  @ApiProperty({ description: 'Ed25519 (RFC 8032) over seq, hash and at; base64.' })
  signature!: string;

  @ApiProperty({ description: 'The key that verifies it: SubjectPublicKeyInfo, DER, base64.' })
  publicKey!: string;
}
