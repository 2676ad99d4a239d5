import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Answers to changes under an `Idempotency-Key`, and the word that goes out when an environment's revision grows. */
export class ChangesAndEvents1763700200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(ANSWERS);
    await runner.query(ANNOUNCEMENTS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop trigger announce_revision on environments');
    await runner.query('drop function coffer_announce_revision(), coffer_watch_bucket(uuid)');
    await runner.query('drop table idempotent_changes');
  }
}

// The digest is keyed: bodies hold values, and a plain hash of a short one could be guessed out of a dump.
const ANSWERS = `
  create table idempotent_changes (
    org_id uuid not null,
    environment_id uuid not null,
    caller text collate "C" not null,
    key text collate "C" not null,
    body_digest bytea not null,
    revision bigint not null,
    applied integer not null,
    created_at timestamptz(3) not null,
    primary key (org_id, environment_id, caller, key),
    foreign key (org_id, environment_id) references environments (org_id, id) on delete cascade
  );
  create index idempotent_changes_age on idempotent_changes (org_id, environment_id, created_at);

  alter table idempotent_changes enable row level security;
  alter table idempotent_changes force row level security;
  create policy tenant on idempotent_changes using (org_id = coffer_org_id()) with check (org_id = coffer_org_id());
  grant select, insert, update, delete on idempotent_changes to coffer_app;
`;

// NOTIFY queues all commits of the whole server behind each other, so it is used only where somebody listens. A listener holds the shared
// lock of its environment's bucket; a writer who can take the exclusive one knows that nobody does, and a listener who comes while it writes
// waits for its commit. The buckets bound how many locks there can be; sharing one costs a word that nobody needs.
const ANNOUNCEMENTS = `
  create function coffer_watch_bucket(environment uuid) returns integer language sql immutable parallel safe
    return hashtext(environment::text) & 1023;

  create function coffer_announce_revision() returns trigger language plpgsql as $$
  begin
    if not pg_try_advisory_xact_lock(7263338, coffer_watch_bucket(new.id)) then
      perform pg_notify('coffer_revision', new.id::text);
    end if;
    return null;
  end $$;

  create trigger announce_revision after update of revision on environments
    for each row execute function coffer_announce_revision();
`;
