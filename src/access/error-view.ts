import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

/** The one shape of every error that is not of a personal door. */
export class ErrorView {
  @ApiProperty({
    description: 'For people: what is wrong and what to do.',
    example: 'The secret DATABASE_URL has no value.',
  })
  error!: string;

  @ApiProperty({ description: 'For programs: stable.', example: 'no_value' })
  code!: string;

  @ApiPropertyOptional({
    description: 'What exactly, where there is something to name.',
    type: 'array',
    items: { type: 'object', additionalProperties: true },
  })
  details?: Record<string, unknown>[];
}
