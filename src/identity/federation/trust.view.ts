import { ApiProperty } from '@nestjs/swagger';
import { MakerView } from '../tokens/service-token.view.js';
import { toldActual, type Mismatch, type TrustedClaims } from './claims.js';
import type { TrustRow } from './trust-rows.js';

const ONE_OR_MORE_TEXTS = [{ type: 'string' }, { type: 'array', items: { type: 'string' } }];

/** Whose tokens are accepted, and for what. */
export class TrustView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'deploy' })
  name!: string;

  @ApiProperty({ format: 'uri', example: 'https://token.actions.githubusercontent.com' })
  issuer!: string;

  @ApiProperty({ example: 'https://coffer.example.com' })
  audience!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: { oneOf: ONE_OR_MORE_TEXTS },
    example: { repository_id: '74', ref: 'refs/heads/main' },
  })
  claims!: TrustedClaims;

  @ApiProperty({ example: 'consumer' })
  role!: string;

  @ApiProperty({ type: String, nullable: true, description: 'Null: the whole project.', example: 'prod' })
  envName!: string | null;

  @ApiProperty({ type: 'integer', example: 900 })
  ttlSeconds!: number;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty()
  createdBy!: MakerView;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'The last exchange.' })
  lastUsedAt!: string | null;

  static of(trust: TrustRow): TrustView {
    return {
      id: trust.id,
      name: trust.name,
      issuer: trust.issuer,
      audience: trust.audience,
      claims: trust.claims,
      role: trust.role,
      envName: trust.environment,
      ttlSeconds: trust.ttl_seconds,
      createdAt: trust.created_at.toISOString(),
      createdBy: { type: trust.created_by_type, name: trust.created_by_name },
      lastUsedAt: trust.last_used_at?.toISOString() ?? null,
    };
  }
}

export class MismatchView {
  @ApiProperty({
    description:
      'A claim; or `alg`, `kid`, `typ`, `crit`, `signature`, `subject_token` for the token itself.',
    example: 'ref',
  })
  claim!: string;

  @ApiProperty({ oneOf: ONE_OR_MORE_TEXTS, example: 'refs/heads/main' })
  expected!: string | readonly string[];

  @ApiProperty({
    description: 'What the token says: null when it says nothing.',
    oneOf: [
      { type: 'string' },
      { type: 'number' },
      { type: 'boolean' },
      { type: 'array', items: {} },
      { type: 'null' },
    ],
    example: 'refs/heads/feature',
  })
  actual!: string | number | boolean | null | readonly unknown[];

  static of({ claim, expected, actual }: Mismatch): MismatchView {
    return { claim, expected, actual: toldActual(actual) };
  }
}

export class SimulationView {
  @ApiProperty({ description: 'Whether an exchange would succeed, as far as was asked.' })
  matches!: boolean;

  @ApiProperty({ type: [MismatchView] })
  mismatches!: MismatchView[];

  static of(mismatches: readonly Mismatch[]): SimulationView {
    return { matches: mismatches.length === 0, mismatches: mismatches.map((one) => MismatchView.of(one)) };
  }
}
