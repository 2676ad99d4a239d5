import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Invitations, a table of tenants, and what custom roles promise since people make them. */
export class Invitations1763700400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLE);
    await runner.query(ISOLATION);
    await runner.query(ROLES);
    await runner.query(RIGHTS);
  }

  async down(): Promise<void> {
    throw new Error('This migration is not undone: people could not come who were invited.');
  }
}

// An invitation that was used or revoked is deleted. It goes with its scope, and a custom role that it would give is in use. Who made it is
// no foreign key: what that user or that token may do is asked when somebody accepts.
const TABLE = `
  create table invitations (
    org_id uuid not null references organisations (org_id) on delete cascade,
    id uuid not null,
    role text collate "C" not null,
    custom_role text collate "C" generated always as (
      case when role in ('viewer', 'member', 'admin', 'owner', 'consumer') then null else role end) stored,
    project_id uuid,
    environment_id uuid,
    email text,
    hash bytea not null,
    created_at timestamptz(3) not null,
    created_by_type text not null check (created_by_type in ('user', 'service-token')),
    created_by_id uuid not null,
    created_by_name text not null,
    expires_at timestamptz(3) not null,
    primary key (org_id, id),
    check (environment_id is null or project_id is not null),
    constraint invitations_role_fkey foreign key (org_id, custom_role) references roles (org_id, name),
    foreign key (org_id, project_id) references projects (org_id, id) on delete cascade,
    foreign key (org_id, project_id, environment_id) references environments (org_id, project_id, id) on delete cascade
  );
  create index invitations_newest on invitations (org_id, created_at, id);
  create index invitations_expired on invitations (org_id, expires_at);
  create index invitations_project on invitations (org_id, project_id, environment_id);
  create index invitations_custom_role on invitations (org_id, custom_role) where custom_role is not null;
`;

const ISOLATION = `
  alter table invitations enable row level security;
  alter table invitations force row level security;
  create policy tenant on invitations using (org_id = coffer_org_id()) with check (org_id = coffer_org_id());
`;

// The indexes are for the question whether a role is in use.
const ROLES = `
  alter table roles add constraint roles_name_is_free
    check (name not in ('viewer', 'member', 'admin', 'owner', 'consumer'));
  create index grants_custom_role on grants (org_id, custom_role) where custom_role is not null;
  create index service_tokens_custom_role on service_tokens (org_id, custom_role) where custom_role is not null;
`;

const RIGHTS = `
  grant select, insert, update, delete on invitations to coffer_app;
`;
