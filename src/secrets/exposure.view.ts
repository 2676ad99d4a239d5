import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import { MaxCharacters, TextRule } from '../access/text-rules.js';
import { ActorView } from '../audit/audit-event.view.js';
import { timeProblem } from '../audit/trail.requests.js';

/** Which reads count: after a time, by somebody, of a secret. A filter without a value is refused, it never means "all". */
export class ExposureQuery {
  @ApiPropertyOptional({ format: 'date-time', description: 'Reads from this time on.' })
  @IsOptional()
  @TextRule('time', timeProblem)
  since?: string;

  @ApiPropertyOptional({ description: 'Reads by this actor: an id or a name.' })
  @IsOptional()
  @TextRule('filled', filled)
  @MaxCharacters(256)
  actor?: string;

  @ApiPropertyOptional({ description: 'A secret’s name.' })
  @IsOptional()
  @TextRule('filled', filled)
  @MaxCharacters(128)
  secret?: string;
}

export class ReaderView {
  @ApiProperty()
  actor!: ActorView;

  @ApiProperty({ type: 'integer', example: 12 })
  reads!: number;

  @ApiProperty({ format: 'date-time' })
  lastReadAt!: string;
}

/** A present value that somebody has read: what to set anew when they leave, or when their token leaks. */
export class ExposureView {
  @ApiProperty({ example: 'web' })
  project!: string;

  @ApiProperty({ example: 'prod' })
  environment!: string;

  @ApiProperty({ example: 'DATABASE_URL' })
  secret!: string;

  @ApiProperty({ type: 'integer', example: 4 })
  version!: number;

  @ApiProperty({ type: [ReaderView] })
  readers!: ReaderView[];
}

function filled(text: string): string | null {
  return text === '' ? 'must not be empty' : null;
}
