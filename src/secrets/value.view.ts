import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

/** The answer to a value that was set: everything but the value. */
export class ValueSetView {
  @ApiProperty({ example: 'DATABASE_URL' })
  name!: string;

  @ApiProperty({ enum: [true] })
  hasValue!: true;

  @ApiProperty({ type: 'integer', example: 4 })
  version!: number;

  @ApiProperty({ format: 'date-time' })
  updatedAt!: string;
}

/** A value, for a caller who may read it. */
export class ValueView {
  @ApiProperty({ example: 'DATABASE_URL' })
  name!: string;

  @ApiProperty({ example: 'postgres://app@db/orders' })
  value!: string;

  @ApiProperty({ type: 'integer', example: 4 })
  version!: number;
}

export class AuthorView {
  @ApiProperty({ example: 'user' })
  type!: string;

  @ApiProperty({ type: String, nullable: true, example: 'olivia' })
  name!: string | null;
}

/** One version of a value: when it was set and by whom. */
export class VersionView {
  @ApiProperty({ type: 'integer', example: 4 })
  version!: number;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty()
  createdBy!: AuthorView;

  @ApiProperty({ description: 'Whether it is the present value.' })
  current!: boolean;
}

/** All values of an environment, of one revision. */
export class EnvironmentValuesView {
  @ApiProperty({ example: 'acme/web/prod' })
  environment!: string;

  @ApiProperty({ type: 'integer', example: 42 })
  revision!: number;

  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  values!: Record<string, string>;

  @ApiPropertyOptional({ type: [String], description: 'With `missing=omit`: declared, but without a value.' })
  missing?: string[];
}

/** Whether everything that is declared has a value. */
export class ReadinessView {
  @ApiProperty()
  ready!: boolean;

  @ApiProperty({ type: 'integer', example: 42 })
  revision!: number;

  @ApiProperty({ type: 'integer', description: 'How many secrets are declared.', example: 12 })
  declared!: number;

  @ApiProperty({ type: [String], description: 'Declared, but without a value.' })
  missing!: string[];
}
