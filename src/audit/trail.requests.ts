import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { momentOf } from '../access/moment.js';
import { PageQuery } from '../access/paging.js';
import { FromDigits, MaxCharacters, TextRule } from '../access/text-rules.js';

/** What is wrong with a time, or null. */
export function timeProblem(text: string): string | null {
  return momentOf(text) === null ? 'must be a time as in RFC 3339, like 2026-01-31T12:00:00Z' : null;
}

/** Which events are listed. Every filter narrows; a filter without a value is refused, it never means "all". */
export class TrailQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Who: an id or a name.' })
  @IsOptional()
  @TextRule('filled', notEmpty)
  @MaxCharacters(256)
  actor?: string;

  @ApiPropertyOptional({ example: 'secret.value-get' })
  @IsOptional()
  @TextRule('filled', notEmpty)
  @MaxCharacters(100)
  action?: string;

  @ApiPropertyOptional({ description: 'A project’s slug.' })
  @IsOptional()
  @TextRule('filled', notEmpty)
  @MaxCharacters(63)
  project?: string;

  @ApiPropertyOptional({ description: 'An environment’s name, in any project or in that one.' })
  @IsOptional()
  @TextRule('filled', notEmpty)
  @MaxCharacters(63)
  environment?: string;

  @ApiPropertyOptional({ description: 'A secret’s name; finds records of many secrets too.' })
  @IsOptional()
  @TextRule('filled', notEmpty)
  @MaxCharacters(255)
  secret?: string;

  @ApiPropertyOptional({ enum: ['allowed', 'denied'] })
  @IsOptional()
  @IsIn(['allowed', 'denied'])
  outcome?: 'allowed' | 'denied';

  @ApiPropertyOptional({ format: 'date-time', description: 'From this time on.' })
  @IsOptional()
  @TextRule('time', timeProblem)
  since?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Before this time.' })
  @IsOptional()
  @TextRule('time', timeProblem)
  until?: string;
}

/** Which part of a chain is exported, by sequence numbers, both included. */
export class ExportQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1 })
  @IsOptional()
  @FromDigits()
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  from?: number;

  @ApiPropertyOptional({ type: 'integer', minimum: 1 })
  @IsOptional()
  @FromDigits()
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  to?: number;
}

function notEmpty(text: string): string | null {
  return text === '' ? 'must not be empty' : null;
}
