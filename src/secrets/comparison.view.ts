import { ApiProperty } from '@nestjs/swagger';

export const DIFF_STATES = [
  'same',
  'different',
  'only-in-from',
  'only-in-to',
  'no-value-in-from',
  'no-value-in-to',
  'no-value',
] as const;

export type DiffState = (typeof DIFF_STATES)[number];

/** How one name stands in two environments. */
export class DiffView {
  @ApiProperty({ example: 'DATABASE_URL' })
  name!: string;

  @ApiProperty({ enum: DIFF_STATES })
  state!: DiffState;
}

/** What was copied from another environment. */
export class PromotedView {
  @ApiProperty({
    type: 'integer',
    description: 'The revision of the environment that was copied to.',
    example: 43,
  })
  revision!: number;

  @ApiProperty({ type: [String], example: ['API_KEY', 'DATABASE_URL'] })
  promoted!: string[];
}
