import { ApiProperty } from '@nestjs/swagger';

/** A live or deleted secret as the database has it. */
export type SecretRow = Readonly<{
  id: string;
  name: string;
  description: string | null;
  current_version: number | null;
  changed_at_revision: string;
  created_at: Date;
  updated_at: Date;
}>;

/** The columns of a `SecretRow`. */
export const SECRET_COLUMNS =
  'id, name, description, current_version, changed_at_revision, created_at, updated_at';

/** What people see of a secret: never an id, never a value. */
export class SecretView {
  @ApiProperty({ example: 'DATABASE_URL' })
  name!: string;

  @ApiProperty({ type: String, nullable: true, example: 'Where the orders live.' })
  description!: string | null;

  @ApiProperty({ description: 'Whether a value is set. An empty string is a value.' })
  hasValue!: boolean;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'The version of the present value.',
    example: 3,
  })
  version!: number | null;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ format: 'date-time' })
  updatedAt!: string;

  static of(row: SecretRow): SecretView {
    return {
      name: row.name,
      description: row.description,
      hasValue: row.current_version !== null,
      version: row.current_version,
      createdAt: row.created_at.toISOString(),
      updatedAt: row.updated_at.toISOString(),
    };
  }
}

/** The answer to a deletion. */
export class DeletedView {
  @ApiProperty({ enum: [true] })
  deleted!: true;

  @ApiProperty({ example: 'DATABASE_URL' })
  name!: string;
}
