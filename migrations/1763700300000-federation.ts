import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Trusts in other issuers' tokens, and the short-lived tokens that were given for those. Both are tables of tenants. */
export class Federation1763700300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
    for (const table of TENANT) await runner.query(isolate(table));
    await runner.query(RIGHTS);
  }

  async down(): Promise<void> {
    throw new Error('This migration is not undone: pipelines would stop.');
  }
}

const TENANT = ['trusts', 'federated_tokens'];

function isolate(table: string): string {
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy tenant on ${table} using (org_id = coffer_org_id()) with check (org_id = coffer_org_id());
  `;
}

// A token goes with its trust, a trust with its environment, project and organisation. A custom role that a trust gives is in use.
const TABLES = `
  create table trusts (
    org_id uuid not null,
    id uuid not null,
    project_id uuid not null,
    environment_id uuid,
    name text collate "C" not null,
    issuer text collate "C" not null,
    audience text collate "C" not null,
    claims jsonb not null check (jsonb_typeof(claims) = 'object' and claims <> '{}'),
    role text collate "C" not null,
    custom_role text collate "C" generated always as (
      case when role in ('viewer', 'member', 'admin', 'owner', 'consumer') then null else role end) stored,
    ttl_seconds integer not null check (ttl_seconds between 60 and 3600),
    created_at timestamptz(3) not null,
    created_by_type text not null,
    created_by_name text not null,
    last_used_at timestamptz(3),
    primary key (org_id, id),
    constraint trusts_name_key unique (org_id, project_id, name),
    constraint trusts_role_fkey foreign key (org_id, custom_role) references roles (org_id, name),
    foreign key (org_id, project_id) references projects (org_id, id) on delete cascade,
    foreign key (org_id, project_id, environment_id) references environments (org_id, project_id, id) on delete cascade
  );
  create index trusts_project on trusts (org_id, project_id, created_at);
  create index trusts_custom_role on trusts (org_id, custom_role) where custom_role is not null;

  create table federated_tokens (
    org_id uuid not null,
    id uuid not null,
    trust_id uuid not null,
    hash bytea not null,
    created_at timestamptz(3) not null,
    expires_at timestamptz(3) not null,
    primary key (org_id, id),
    foreign key (org_id, trust_id) references trusts (org_id, id) on delete cascade
  );
  create index federated_tokens_trust on federated_tokens (org_id, trust_id, expires_at);
`;

const RIGHTS = `
  grant select, insert, update, delete on trusts, federated_tokens to coffer_app;
`;
