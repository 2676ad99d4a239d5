import { ApiProperty } from '@nestjs/swagger';

export type ServiceTokenRow = Readonly<{
  id: string;
  name: string;
  role: string;
  permissions: string[] | null;
  project_id: string;
  environment_id: string | null;
  environment: string | null;
  created_at: Date;
  created_by_type: string;
  created_by_name: string;
  expires_at: Date | null;
  last_used_at: Date | null;
}>;

/** A `ServiceTokenRow` for each token, whose table is `t`. */
export const SELECT_SERVICE_TOKENS = `
  select t.id, t.name, t.role, r.permissions, t.project_id, t.environment_id, e.name as environment, t.created_at,
    t.created_by_type, t.created_by_name, t.expires_at, t.last_used_at
  from service_tokens t
  left join environments e on e.org_id = t.org_id and e.id = t.environment_id
  left join roles r on r.org_id = t.org_id and r.name = t.custom_role`;

export class MakerView {
  @ApiProperty({ enum: ['user', 'service-token'] })
  type!: string;

  @ApiProperty({ example: 'maria' })
  name!: string;
}

/** A service token, without the token. */
export class ServiceTokenView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'deploy' })
  name!: string;

  @ApiProperty({ example: 'consumer' })
  role!: string;

  @ApiProperty({ type: String, nullable: true, description: 'Null: the whole project.', example: 'prod' })
  envName!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  expiresAt!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Exact to a minute.' })
  lastUsedAt!: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty()
  createdBy!: MakerView;

  static of(row: ServiceTokenRow): ServiceTokenView {
    return {
      id: row.id,
      name: row.name,
      role: row.role,
      envName: row.environment,
      expiresAt: row.expires_at?.toISOString() ?? null,
      lastUsedAt: row.last_used_at?.toISOString() ?? null,
      createdAt: row.created_at.toISOString(),
      createdBy: { type: row.created_by_type, name: row.created_by_name },
    };
  }
}

/** The one answer that shows the token. */
export class NewServiceTokenView extends ServiceTokenView {
  @ApiProperty({ description: 'Shown this once: only its hash is kept.', example: 'cofs_…' })
  token!: string;

  static with(row: ServiceTokenRow, token: string): NewServiceTokenView {
    return { ...ServiceTokenView.of(row), token };
  }
}
