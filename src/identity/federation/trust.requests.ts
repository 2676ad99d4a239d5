import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, Max, Min, ValidateBy } from 'class-validator';
import { MayBeLeftOut, TextRule } from '../../access/text-rules.js';
import { tokenNameProblem } from '../tokens/token-fields.js';
import type { TrustedClaims } from './claims.js';
import { LONGEST_SUBJECT_TOKEN } from './subject-token.js';
import { claimsProblem, identityProblem, issuerProblem } from './trust-rules.js';

const LONGEST_AUDIENCE = 255;

const TEXT_SCHEMA = { type: 'string', minLength: 1, maxLength: 1024 };

export class TrustBody {
  @ApiProperty({
    description: 'Unique in its project; the last part of the audience of an exchange.',
    minLength: 1,
    maxLength: 100,
    example: 'deploy',
  })
  @TextRule('trustName', tokenNameProblem)
  name!: string;

  @ApiProperty({
    description: 'The issuer as its tokens name it in `iss`: an https URL.',
    format: 'uri',
    example: 'https://token.actions.githubusercontent.com',
  })
  @TextRule('issuer', issuerProblem)
  issuer!: string;

  @ApiProperty({
    description: 'What the tokens must have in `aud`.',
    minLength: 1,
    maxLength: LONGEST_AUDIENCE,
    example: 'https://coffer.example.com',
  })
  @TextRule('audience', audienceProblem)
  audience!: string;

  @ApiProperty({
    type: 'object',
    minProperties: 1,
    maxProperties: 50,
    additionalProperties: {
      oneOf: [TEXT_SCHEMA, { type: 'array', minItems: 1, maxItems: 50, items: TEXT_SCHEMA }],
    },
    description:
      'What the tokens must say: each claim, exactly, as a string; a list means one of these. A trust in GitHub pins `repository_id` or `repository_owner_id`, one in GitLab `project_id` or `namespace_id`.',
    example: { repository_id: '74', ref: 'refs/heads/main' },
  })
  @AsGiven()
  @Claims()
  claims!: TrustedClaims;

  @ApiProperty({ description: 'A built-in role, or one of the organisation’s own.', example: 'consumer' })
  @TextRule('role', emptyProblem)
  role!: string;

  @ApiPropertyOptional({
    description: 'Only in this environment; left out: the whole project.',
    example: 'prod',
  })
  @MayBeLeftOut()
  @TextRule('environment', emptyProblem)
  envName?: string;

  @ApiProperty({
    description: 'How long a token that is given for another one lives.',
    type: 'integer',
    minimum: 60,
    maximum: 3600,
    example: 900,
  })
  @IsInt({ message: 'must be a whole number of seconds from 60 to 3600' })
  @Min(60, { message: 'must be at least 60 seconds' })
  @Max(3600, { message: 'must be at most 3600 seconds' })
  ttlSeconds!: number;
}

/** One of the two: a token as a pipeline would send it, or only what it says. */
export class SimulationBody {
  @ApiPropertyOptional({ description: 'A token of the issuer.', maxLength: LONGEST_SUBJECT_TOKEN })
  @MayBeLeftOut()
  @TextRule('subjectToken', subjectTokenProblem)
  @OneOfTwo('claims')
  subject_token?: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Claims as they would stand in a token. `iss` and `aud` are compared where they are given.',
    example: { repository_id: '74', ref: 'refs/heads/feature' },
  })
  @AsGiven()
  @OneOfTwo('subject_token')
  @ValidateBy({
    name: 'claims',
    validator: {
      validate: (value: unknown, found) =>
        found?.object instanceof SimulationBody && found.object.subject_token !== undefined
          ? true
          : isObject(value),
      defaultMessage: () => 'must be an object of claims; or give subject_token',
    },
  })
  claims?: Record<string, unknown>;
}

/** Claims have names of their own: what class-transformer would make of `constructor` is not what was sent. */
function AsGiven(): PropertyDecorator {
  return Transform(({ obj, key }: { obj: object; key: string }): unknown => Reflect.get(obj, key));
}

function Claims(): PropertyDecorator {
  const problemOf = (value: unknown, trust: unknown): string | null => {
    const problem = claimsProblem(value);
    if (problem !== null) return problem;
    const { issuer } = trust as { issuer?: unknown };
    if (typeof issuer !== 'string' || issuerProblem(issuer) !== null || !isObject(value)) return null;
    return identityProblem(issuer, value);
  };
  return ValidateBy({
    name: 'trustedClaims',
    validator: {
      validate: (value: unknown, found) => problemOf(value, found?.object) === null,
      defaultMessage: (found) => problemOf(found?.value, found?.object) ?? '',
    },
  });
}

function OneOfTwo(other: 'claims' | 'subject_token'): PropertyDecorator {
  return ValidateBy({
    name: 'oneOfTwo',
    validator: {
      validate: (value: unknown, found) =>
        value === undefined ||
        !(found?.object instanceof SimulationBody) ||
        found.object[other] === undefined,
      defaultMessage: () => `contradicts ${other}: give one of the two`,
    },
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function audienceProblem(text: string): string | null {
  if (text === '' || [...text].length > LONGEST_AUDIENCE) {
    return `must have 1 to ${String(LONGEST_AUDIENCE)} characters`;
  }
  return /[\p{Cc}\p{Zl}\p{Zp}]/u.test(text) ? 'must be one line without control characters' : null;
}

function subjectTokenProblem(text: string): string | null {
  return text === '' || text.length > LONGEST_SUBJECT_TOKEN
    ? `must be a JSON Web Token with at most ${LONGEST_SUBJECT_TOKEN.toLocaleString('en')} characters`
    : null;
}

function emptyProblem(text: string): string | null {
  return text === '' ? 'must not be empty' : null;
}
