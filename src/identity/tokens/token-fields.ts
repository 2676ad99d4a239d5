import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { InTheFuture } from '../../access/moment.js';
import { MayBeLeftOut, TextRule } from '../../access/text-rules.js';

const LONGEST_NAME = 100;

/** What every new token is given: a name for people, and perhaps an end. */
export class TokenFields {
  @ApiProperty({ description: 'What it is for.', minLength: 1, maxLength: LONGEST_NAME, example: 'deploy' })
  @TextRule('tokenName', tokenNameProblem)
  name!: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When it ends; left out: never.' })
  @MayBeLeftOut()
  @InTheFuture()
  expiresAt?: string;
}

export function tokenNameProblem(name: string): string | null {
  if (name.trim() === '') return 'must not be empty';
  if ([...name].length > LONGEST_NAME) return `must have at most ${String(LONGEST_NAME)} characters`;
  return /[\p{Cc}\p{Zl}\p{Zp}]/u.test(name) ? 'must be one line without control characters' : null;
}
