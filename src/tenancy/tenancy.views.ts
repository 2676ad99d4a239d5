import { ApiProperty } from '@nestjs/swagger';
import { DEFAULT_ENVIRONMENT } from './slug.js';

/** Organisations and projects look alike in the database and to clients: a slug for paths, a name for people. */
export type NamedRow = Readonly<{ slug: string; name: string; created_at: Date }>;

export class OrgView {
  @ApiProperty({ example: 'acme' })
  slug!: string;

  @ApiProperty({ example: 'Acme Corporation' })
  name!: string;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  static of(row: NamedRow): OrgView {
    return { slug: row.slug, name: row.name, createdAt: row.created_at.toISOString() };
  }
}

export class ProjectView {
  @ApiProperty({ example: 'web' })
  slug!: string;

  @ApiProperty({ example: 'The web shop' })
  name!: string;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  static of(row: NamedRow): ProjectView {
    return { slug: row.slug, name: row.name, createdAt: row.created_at.toISOString() };
  }
}

export type EnvironmentRow = Readonly<{ name: string; revision: string; created_at: Date }>;

export class EnvironmentView {
  @ApiProperty({ example: 'prod' })
  name!: string;

  @ApiProperty({ description: 'Whether it is the environment that was made with the project.' })
  isDefault!: boolean;

  @ApiProperty({
    type: 'integer',
    description: 'Grows by one with every committed change in it.',
    example: 42,
  })
  revision!: number;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  static of(row: EnvironmentRow): EnvironmentView {
    return {
      name: row.name,
      isDefault: row.name === DEFAULT_ENVIRONMENT,
      revision: Number(row.revision),
      createdAt: row.created_at.toISOString(),
    };
  }
}
