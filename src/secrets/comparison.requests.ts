import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, ArrayUnique, IsArray, IsInt, Matches, Max, Min } from 'class-validator';
import { MayBeLeftOut, TextRule } from '../access/text-rules.js';
import { SECRET_NAME } from '../formats/names.js';

const MOST_NAMES = 1_000;

/** Which two environments of a project are compared. */
export class DiffQuery {
  @ApiProperty({ example: 'staging' })
  @TextRule('filled', notEmpty)
  from!: string;

  @ApiProperty({ example: 'prod' })
  @TextRule('filled', notEmpty)
  to!: string;
}

/** From which environment of the project what is copied. */
export class PromoteBody {
  @ApiProperty({ example: 'staging', description: 'Another environment of the project.' })
  @TextRule('filled', notEmpty)
  from!: string;

  @ApiPropertyOptional({
    type: [String],
    minItems: 1,
    maxItems: MOST_NAMES,
    uniqueItems: true,
    description: 'Only these; all that have a value when left out.',
  })
  @MayBeLeftOut()
  @IsArray({ message: 'must be a list of names' })
  @ArrayMinSize(1, { message: 'must hold at least one name' })
  @ArrayMaxSize(MOST_NAMES, { message: `must hold at most ${MOST_NAMES.toLocaleString('en')} names` })
  @ArrayUnique({ message: 'must hold each name once' })
  @Matches(SECRET_NAME, { each: true, message: 'must hold names of secrets only' })
  names?: string[];

  @ApiPropertyOptional({ type: 'integer', minimum: 0, description: 'The target must have this revision.' })
  @MayBeLeftOut()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  ifRevision?: number;
}

function notEmpty(text: string): string | null {
  return text === '' ? 'must be the name of an environment' : null;
}
