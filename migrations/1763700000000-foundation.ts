import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Tables, policies and rights of the first version. Three kinds of table: shared (nothing of a tenant in it), tenant (`org_id`, forced
 * row-level security) and personal (`user_id`, forced row-level security). `nullif` because a transaction-local setting is '' and not
 * NULL once its transaction has ended: without a tenant a query sees no row.
 */
export class Foundation1763700000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(ROLE);
    await runner.query(FUNCTIONS);
    await runner.query(SHARED_TABLES);
    await runner.query(TENANT_TABLES);
    await runner.query(AUDIT_TABLES);
    for (const table of TENANT) await runner.query(isolate(table, 'org_id', 'coffer_org_id'));
    for (const table of PERSONAL) await runner.query(isolate(table, 'user_id', 'coffer_user_id'));
    await runner.query(OWN_ROWS);
    await runner.query(RIGHTS);
  }

  async down(): Promise<void> {
    throw new Error('The first migration is not undone: drop the database instead.');
  }
}

const TENANT = [
  'organisations',
  'projects',
  'environments',
  'data_keys',
  'roles',
  'grants',
  'service_tokens',
  'secrets',
  'secret_versions',
  'org_events',
  'org_chain_heads',
];

const PERSONAL = ['user_events', 'user_chain_heads'];

function isolate(table: string, column: string, current: string): string {
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy tenant on ${table} using (${column} = ${current}()) with check (${column} = ${current}());
  `;
}

// A role belongs to the whole server: it may be there already, made for another database or by somebody with more rights than this login,
// and parallel migrations of two databases may both try to make it. A login that cannot take it may still migrate for one that serves.
// From version 16 on the maker of a role is its member without the right to take it (SET), so that is what has to be asked for.
const ROLE = `
  do $$ begin
    if not exists (select from pg_roles where rolname = 'coffer_app') then
      create role coffer_app nologin nobypassrls;
    end if;
  exception when duplicate_object or unique_violation then null;
  end $$;
  do $$
  declare
    needed constant text := case when current_setting('server_version_num')::integer < 160000 then 'MEMBER' else 'SET' end;
  begin
    if not pg_has_role(current_user, 'coffer_app', needed) then
      execute format('grant coffer_app to %I', current_user);
    end if;
  exception when unique_violation or insufficient_privilege then null;
  end $$;
`;

const FUNCTIONS = `
  create function coffer_org_id() returns uuid language sql stable parallel safe
    return nullif(current_setting('coffer.org_id', true), '')::uuid;
  create function coffer_user_id() returns uuid language sql stable parallel safe
    return nullif(current_setting('coffer.user_id', true), '')::uuid;
`;

const SHARED_TABLES = `
  create table users (
    id uuid primary key,
    username text collate "C" not null constraint users_username_key unique,
    email text not null,
    email_key text collate "C" not null constraint users_email_key unique,
    password_hash text not null,
    created_at timestamptz(3) not null
  );

  -- A session that has ended is deleted, and its refresh tokens with it.
  create table sessions (
    id uuid primary key,
    user_id uuid not null references users (id) on delete cascade,
    created_at timestamptz(3) not null,
    last_used_at timestamptz(3) not null,
    expires_at timestamptz(3) not null,
    ip text not null,
    user_agent text not null
  );
  create index sessions_user on sessions (user_id, created_at);

  create table refresh_tokens (
    id uuid primary key,
    session_id uuid not null references sessions (id) on delete cascade,
    hash bytea not null,
    created_at timestamptz(3) not null,
    used_at timestamptz(3)
  );
  create index refresh_tokens_session on refresh_tokens (session_id);

  create table personal_tokens (
    id uuid primary key,
    user_id uuid not null references users (id) on delete cascade,
    name text not null,
    hash bytea not null,
    created_at timestamptz(3) not null,
    expires_at timestamptz(3),
    last_used_at timestamptz(3)
  );
  create index personal_tokens_user on personal_tokens (user_id, created_at);

  -- By account and not by what was typed; past forget_after a row means nothing.
  create table login_failures (
    account text collate "C" primary key,
    failed_at timestamptz(3)[] not null,
    locked_until timestamptz(3),
    forget_after timestamptz(3) not null
  );
  create index login_failures_forget on login_failures (forget_after);

  -- Counters of rate-limiter-flexible. A crash may forget them, so they need no log.
  create unlogged table rate_limits (
    key varchar(255) primary key,
    points integer not null default 0,
    expire bigint
  );

  create table org_slugs (
    slug text collate "C" constraint org_slugs_pkey primary key,
    org_id uuid not null constraint org_slugs_org_id_key unique
  );

  create table service_keys (
    purpose text primary key,
    wrapped bytea not null,
    created_at timestamptz(3) not null
  );
`;

const TENANT_TABLES = `
  create table organisations (
    org_id uuid primary key,
    name text not null,
    created_at timestamptz(3) not null
  );

  create table projects (
    org_id uuid not null references organisations (org_id) on delete cascade,
    id uuid not null,
    slug text collate "C" not null,
    name text not null,
    created_at timestamptz(3) not null,
    primary key (org_id, id),
    constraint projects_slug_key unique (org_id, slug)
  );

  create table environments (
    org_id uuid not null,
    id uuid not null,
    project_id uuid not null,
    name text collate "C" not null,
    revision bigint not null default 0,
    created_at timestamptz(3) not null,
    primary key (org_id, id),
    constraint environments_name_key unique (org_id, project_id, name),
    constraint environments_project_key unique (org_id, project_id, id),
    foreign key (org_id, project_id) references projects (org_id, id) on delete cascade
  );

  -- Without environment_id it is the project's own key, from which its fingerprint key is derived.
  create table data_keys (
    org_id uuid not null,
    id uuid not null,
    project_id uuid not null,
    environment_id uuid,
    wrapped bytea not null,
    created_at timestamptz(3) not null,
    retired_at timestamptz(3),
    primary key (org_id, id),
    foreign key (org_id, project_id) references projects (org_id, id) on delete cascade,
    foreign key (org_id, project_id, environment_id) references environments (org_id, project_id, id) on delete cascade
  );
  create unique index data_keys_current on data_keys (org_id, project_id, environment_id) nulls not distinct
    where retired_at is null;

  create table roles (
    org_id uuid not null references organisations (org_id) on delete cascade,
    name text collate "C" not null,
    permissions text[] not null check (cardinality(permissions) > 0),
    created_at timestamptz(3) not null,
    constraint roles_pkey primary key (org_id, name)
  );

  -- A role is a built-in one, or a custom one of the same organisation; a custom one in use cannot be deleted.
  create table grants (
    org_id uuid not null references organisations (org_id) on delete cascade,
    id uuid not null,
    user_id uuid not null references users (id) on delete cascade,
    role text collate "C" not null,
    custom_role text collate "C" generated always as (
      case when role in ('viewer', 'member', 'admin', 'owner', 'consumer') then null else role end) stored,
    project_id uuid,
    environment_id uuid,
    created_at timestamptz(3) not null,
    primary key (org_id, id),
    check (environment_id is null or project_id is not null),
    constraint grants_role_fkey foreign key (org_id, custom_role) references roles (org_id, name),
    foreign key (org_id, project_id) references projects (org_id, id) on delete cascade,
    foreign key (org_id, project_id, environment_id) references environments (org_id, project_id, id) on delete cascade
  );
  create unique index grants_once on grants (org_id, user_id, role, project_id, environment_id) nulls not distinct;
  create index grants_user on grants (user_id);
  create index grants_project on grants (org_id, project_id, environment_id);

  create table service_tokens (
    org_id uuid not null,
    id uuid not null,
    project_id uuid not null,
    environment_id uuid,
    name text not null,
    role text collate "C" not null,
    custom_role text collate "C" generated always as (
      case when role in ('viewer', 'member', 'admin', 'owner', 'consumer') then null else role end) stored,
    hash bytea not null,
    allowed_ips text[],
    created_at timestamptz(3) not null,
    created_by_type text not null,
    created_by_name text not null,
    expires_at timestamptz(3),
    last_used_at timestamptz(3),
    primary key (org_id, id),
    check (allowed_ips is null or cardinality(allowed_ips) > 0),
    constraint service_tokens_role_fkey foreign key (org_id, custom_role) references roles (org_id, name),
    foreign key (org_id, project_id) references projects (org_id, id) on delete cascade,
    foreign key (org_id, project_id, environment_id) references environments (org_id, project_id, id) on delete cascade
  );
  create index service_tokens_project on service_tokens (org_id, project_id, created_at);

  -- env_form is the environment-variable form of the name: two live secrets never share one, so that no export has two lines for it.
  create table secrets (
    org_id uuid not null,
    id uuid not null,
    environment_id uuid not null,
    name text collate "C" not null,
    env_form text collate "C" not null,
    description text,
    current_version integer,
    changed_at_revision bigint not null,
    created_at timestamptz(3) not null,
    updated_at timestamptz(3) not null,
    deleted_at timestamptz(3),
    primary key (org_id, id),
    foreign key (org_id, environment_id) references environments (org_id, id) on delete cascade
  );
  create unique index secrets_live_name on secrets (org_id, environment_id, env_form) where deleted_at is null;
  create index secrets_by_name on secrets (org_id, environment_id, name, id) where deleted_at is null;
  create index secrets_deleted on secrets (org_id, environment_id, deleted_at) where deleted_at is not null;

  create table secret_versions (
    org_id uuid not null,
    secret_id uuid not null,
    version integer not null check (version > 0),
    data_key_id uuid not null,
    sealed bytea not null,
    fingerprint bytea not null,
    created_at timestamptz(3) not null,
    created_by_type text not null,
    created_by_id text,
    created_by_name text,
    primary key (org_id, secret_id, version),
    foreign key (org_id, secret_id) references secrets (org_id, id) on delete cascade,
    -- Checked at the end: a deleted environment takes its keys and its secrets away in one statement, in any order.
    foreign key (org_id, data_key_id) references data_keys (org_id, id) deferrable initially deferred
  );
  create index secret_versions_key on secret_versions (org_id, data_key_id);
`;

// One event has the same columns in an organisation's trail and in a user's own. A head has the last link and its signature.
const AUDIT_TABLES = `
  create table org_events (
    org_id uuid not null,
    seq bigint not null check (seq > 0),
    at timestamptz(3) not null,
    actor_type text not null,
    actor_id text,
    actor_name text,
    action text not null,
    outcome text not null check (outcome in ('allowed', 'denied')),
    project text,
    environment text,
    secret text,
    many boolean not null,
    resource jsonb not null,
    ip text not null,
    user_agent text not null,
    request_id text not null,
    prev_hash bytea not null,
    hash bytea not null,
    primary key (org_id, seq)
  );
  create table org_chain_heads (
    org_id uuid primary key,
    seq bigint not null,
    hash bytea not null,
    at timestamptz(3) not null,
    signature bytea not null
  );
  -- One index for each way to look for events; each ends with seq, the order of every answer. Plain columns, because row-level security
  -- keeps what is not leakproof (every operator of jsonb) away from the indexes.
  create index org_events_by_actor_id on org_events (org_id, actor_id, seq);
  create index org_events_by_actor_name on org_events (org_id, actor_name, seq);
  create index org_events_by_action on org_events (org_id, action, seq);
  create index org_events_by_place on org_events (org_id, project, environment, seq);
  create index org_events_by_secret on org_events (org_id, secret, seq);
  create index org_events_by_time on org_events (org_id, at);
  create index org_events_denied on org_events (org_id, seq) where outcome = 'denied';
  create index org_events_of_many on org_events (org_id, seq) where many;

  create table user_events (like org_events including constraints);
  alter table user_events rename column org_id to user_id;
  alter table user_events add primary key (user_id, seq);
  create table user_chain_heads (like org_chain_heads including constraints);
  alter table user_chain_heads rename column org_id to user_id;
  alter table user_chain_heads add primary key (user_id);
`;

// A user's own grants, and through them the organisations they belong to, are the user's own rows as well.
const OWN_ROWS = `
  create policy own on grants for select using (user_id = coffer_user_id());
  create policy own on organisations for select using (
    coffer_user_id() is not null and org_id in (select g.org_id from grants g where g.user_id = coffer_user_id()));
`;

const RIGHTS = `
  revoke create on schema public from public;
  grant usage on schema public to coffer_app;
  grant select, insert, update, delete on all tables in schema public to coffer_app;
  revoke update, delete on org_events, user_events from coffer_app;
  revoke delete on org_chain_heads, user_chain_heads from coffer_app;
  revoke update, delete on service_keys from coffer_app;
  revoke all on migrations from coffer_app;
  grant select on migrations to coffer_app;
`;
