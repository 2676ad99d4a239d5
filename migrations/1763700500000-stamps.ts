import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Stamps: one for each organisation, environment and user, another one after every change of what a node may remember of it. Only triggers
 * write them, whoever makes the change, so no change can forget its stamp; the application may read them and nothing else. They are random
 * and no counters: a database that was set back to an earlier state, or a standby that lost the last changes, never comes to the same one.
 */
export class Stamps1763700500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLE);
    await runner.query(EXISTING);
    await runner.query(FUNCTIONS);
    for (const trigger of SUBJECTS) await runner.query(trigger);
    for (const [table, changed] of OF_ORG) await runner.query(bumps(table, changed, 'coffer_org_changed'));
    for (const [table, changed] of OF_USER) await runner.query(bumps(table, changed, 'coffer_user_changed'));
    await runner.query(OF_ITSELF);
  }

  async down(): Promise<void> {
    throw new Error('This migration is not undone: nodes would remember what has changed.');
  }
}

// A stamp changes with every change of an environment: room in each page keeps the new row beside the old one. There is nothing of a tenant
// in it, an organisation's id is told by its slug anyway, and the ledger compares stamps of many organisations at once: so it is shared.
const TABLE = `
  create table stamps (
    subject uuid primary key,
    stamp uuid not null default gen_random_uuid()
  ) with (fillfactor = 50);
  grant select on stamps to coffer_app;
`;

// An owner sees the rows of every tenant only where row-level security is not forced.
const EXISTING = `
  alter table environments no force row level security;
  insert into stamps (subject)
    select org_id from org_slugs union all select id from users union all select id from environments;
  alter table environments force row level security;
`;

// Definer functions, because the application has no right to write. No search path, so that nobody can put a table of their own in between.
// A row that is gone has no stamp any more, and what was remembered with one is stale.
const FUNCTIONS = `
  create function coffer_subject_made() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
  begin
    if tg_table_name = 'org_slugs' then
      insert into public.stamps (subject) values (new.org_id);
    else
      insert into public.stamps (subject) values (new.id);
    end if;
    return null;
  end $$;

  create function coffer_subject_gone() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
  begin
    if tg_table_name = 'org_slugs' then
      delete from public.stamps where subject = old.org_id;
    else
      delete from public.stamps where subject = old.id;
    end if;
    return null;
  end $$;

  create function coffer_org_changed() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
  begin
    if tg_op = 'UPDATE' then
      update public.stamps set stamp = gen_random_uuid() where subject = new.org_id;
    elsif tg_table_name = 'federated_tokens' then
      update public.stamps set stamp = gen_random_uuid() where subject in (select org_id from gone where expires_at > now());
    else
      update public.stamps set stamp = gen_random_uuid() where subject in (select org_id from gone);
    end if;
    return null;
  end $$;

  create function coffer_user_changed() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
  begin
    if tg_op = 'UPDATE' then
      update public.stamps set stamp = gen_random_uuid() where subject = new.user_id;
    else
      update public.stamps set stamp = gen_random_uuid()
      where subject in (select user_id from gone where expires_at is null or expires_at > now());
    end if;
    return null;
  end $$;

  create function coffer_itself_changed() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
  begin
    update public.stamps set stamp = gen_random_uuid() where subject = new.id;
    return null;
  end $$;

  create function coffer_version_changed() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
  begin
    update public.stamps set stamp = gen_random_uuid()
    where subject in (select environment_id from public.secrets where org_id = new.org_id and id = new.secret_id);
    return null;
  end $$;
`;

const SUBJECTS = ['org_slugs', 'users', 'environments'].map(
  (table) => `
  create trigger stamp_made after insert on ${table} for each row execute function coffer_subject_made();
  create trigger stamp_gone after delete on ${table} for each row execute function coffer_subject_gone();
`,
);

// What is added takes nothing away from anybody, and a right that is missing is never remembered: only what is changed or goes counts. When a
// token was last used is no change of it, a revision is counted below, and a token that has run out was refused already.
const OF_ORG: readonly (readonly [table: string, changed: string])[] = [
  ['grants', ''],
  ['roles', ''],
  ['projects', ''],
  ['environments', 'of name, project_id'],
  ['service_tokens', 'of project_id, environment_id, name, role, hash, allowed_ips, expires_at'],
  ['trusts', 'of project_id, environment_id, name, role'],
  ['federated_tokens', ''],
];
const OF_USER: readonly (readonly [table: string, changed: string])[] = [
  ['sessions', 'of user_id, expires_at'],
  ['personal_tokens', 'of user_id, hash, expires_at'],
];

function bumps(table: string, changed: string, bump: string): string {
  return `
  create trigger stamp_deleted after delete on ${table} referencing old table as gone
    for each statement execute function ${bump}();
  create trigger stamp_updated after update ${changed} on ${table} for each row execute function ${bump}();
`;
}

// A version is never changed by the application but to be sealed under another key.
const OF_ITSELF = `
  create trigger stamp_slug after update on org_slugs for each row execute function coffer_org_changed();
  create trigger stamp_account after update on users for each row execute function coffer_itself_changed();
  create trigger stamp_revision after update of revision on environments for each row execute function coffer_itself_changed();
  create trigger stamp_version after update on secret_versions for each row execute function coffer_version_changed();
`;
