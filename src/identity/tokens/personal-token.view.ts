import { ApiProperty } from '@nestjs/swagger';

export type PersonalTokenRow = Readonly<{
  id: string;
  name: string;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
}>;

/** The columns of a `PersonalTokenRow`. */
export const PERSONAL_TOKEN_COLUMNS = 'id, name, created_at, expires_at, last_used_at';

/** A personal access token, without the token. */
export class PersonalTokenView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'laptop' })
  name!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  expiresAt!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Exact to a minute.' })
  lastUsedAt!: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  static of(row: PersonalTokenRow): PersonalTokenView {
    return {
      id: row.id,
      name: row.name,
      expiresAt: row.expires_at?.toISOString() ?? null,
      lastUsedAt: row.last_used_at?.toISOString() ?? null,
      createdAt: row.created_at.toISOString(),
    };
  }
}

/** The one answer that shows the token. */
export class NewPersonalTokenView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'laptop' })
  name!: string;

  @ApiProperty({ description: 'Shown this once: only its hash is kept.', example: 'cofp_…' })
  token!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  expiresAt!: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  static of(row: PersonalTokenRow, token: string): NewPersonalTokenView {
    return {
      id: row.id,
      name: row.name,
      token,
      expiresAt: row.expires_at?.toISOString() ?? null,
      createdAt: row.created_at.toISOString(),
    };
  }
}
