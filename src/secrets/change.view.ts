import { ApiProperty } from '@nestjs/swagger';

/** What came of many changes that were made as one. */
export class ChangesView {
  @ApiProperty({ type: 'integer', description: 'The environment’s revision that they made.', example: 43 })
  revision!: number;

  @ApiProperty({ type: 'integer', description: 'How many changes were applied: all of them.', example: 12 })
  applied!: number;
}
