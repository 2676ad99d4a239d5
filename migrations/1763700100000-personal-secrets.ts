import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Personal secrets: the users' own data keys, and what is sealed under them. Both go when their user goes. */
export class PersonalSecrets1763700100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
    for (const table of PERSONAL) await runner.query(isolate(table));
    await runner.query(RIGHTS);
  }

  async down(): Promise<void> {
    throw new Error('This migration is not undone: what was sealed would be lost.');
  }
}

const PERSONAL = ['user_data_keys', 'personal_secrets'];

function isolate(table: string): string {
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy tenant on ${table} using (user_id = coffer_user_id()) with check (user_id = coffer_user_id());
  `;
}

// A path may be longer than what an index can hold, so its digest is what is unique. convert_to counts as stable because a database's
// encoding could be another one; within one database the digest of a text never changes.
const TABLES = `
  create function coffer_text_digest(text) returns bytea language sql immutable strict parallel safe
    return sha256(convert_to($1, 'UTF8'));

  create table user_data_keys (
    user_id uuid not null references users (id) on delete cascade,
    id uuid not null,
    wrapped bytea not null,
    created_at timestamptz(3) not null,
    retired_at timestamptz(3),
    primary key (user_id, id)
  );
  create unique index user_data_keys_current on user_data_keys (user_id) where retired_at is null;

  -- version counts the values that this secret has had; value_bytes is kept because the value cannot be measured without being opened.
  create table personal_secrets (
    user_id uuid not null references users (id) on delete cascade,
    id uuid not null,
    name text collate "C" not null,
    description text not null,
    env_name text collate "C",
    file_path text collate "C",
    provider text,
    version integer not null check (version > 0),
    value_bytes integer not null check (value_bytes >= 0),
    data_key_id uuid not null,
    sealed_value bytea not null,
    sealed_mask bytea not null,
    created_at timestamptz(3) not null,
    updated_at timestamptz(3) not null,
    primary key (user_id, id),
    constraint personal_secrets_name_key unique (user_id, name),
    constraint personal_secrets_env_name_key unique (user_id, env_name),
    -- Checked at the end: a deleted user takes keys and secrets away in one statement, in any order.
    foreign key (user_id, data_key_id) references user_data_keys (user_id, id) deferrable initially deferred
  );
  create unique index personal_secrets_file_path_key on personal_secrets (user_id, coffer_text_digest(file_path));
  create index personal_secrets_data_key on personal_secrets (user_id, data_key_id);
`;

const RIGHTS = `
  grant select, insert, update, delete on user_data_keys, personal_secrets to coffer_app;
`;
