import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the ledger needs to write the records of many reads, of many organisations, in one transaction: policies of the audit tables that
 * know a list of organisations, and lists of secrets that stand once however often they are read.
 */
export class SharedFlush1763700600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(LISTS);
    await runner.query(EXISTING);
    await runner.query(INDEXES);
    await runner.query(POLICIES);
  }

  async down(): Promise<void> {
    throw new Error('This migration is not undone: records would no longer name what was read.');
  }
}

// A record that names many secrets points to its list by the list's SHA-256. A fleet that reads a thousand values a thousand times leaves a
// thousand small records and one list. There is no foreign key: nobody who works as the application can delete a list, and whoever can is
// found by the chain, whose hashes are over the names themselves.
const LISTS = `
  create table org_event_lists (
    org_id uuid not null,
    digest bytea not null,
    secrets jsonb not null,
    primary key (org_id, digest)
  );
  alter table org_event_lists enable row level security;
  alter table org_event_lists force row level security;
  create policy tenant on org_event_lists using (org_id = coffer_org_id()) with check (org_id = coffer_org_id());
  grant select, insert on org_event_lists to coffer_app;
  alter table org_events add column list bytea;
`;

// An owner sees the rows of every tenant only where row-level security is not forced.
const EXISTING = `
  alter table org_events no force row level security;
  alter table org_event_lists no force row level security;
  insert into org_event_lists (org_id, digest, secrets)
    select distinct org_id, sha256(convert_to((resource -> 'secrets')::text, 'UTF8')), resource -> 'secrets'
    from org_events where many;
  update org_events set list = sha256(convert_to((resource -> 'secrets')::text, 'UTF8')), resource = resource - 'secrets'
    where many;
  alter table org_events force row level security;
  alter table org_event_lists force row level security;
`;

const INDEXES = `
  drop index org_events_of_many;
  alter table org_events drop column many;
  alter table user_events drop column many;
  create index org_events_by_list on org_events (org_id, list, seq) where list is not null;
`;

// In a sub-select, so that the list is read once for a statement and not once for a row.
const POLICIES = `
  create function coffer_org_ids() returns uuid[] language sql stable parallel safe
    return string_to_array(nullif(current_setting('coffer.org_ids', true), ''), ',')::uuid[];

  create policy flush_select on org_events for select using (org_id = any ((select coffer_org_ids())::uuid[]));
  create policy flush_insert on org_events for insert with check (org_id = any ((select coffer_org_ids())::uuid[]));
  create policy flush_insert on org_event_lists for insert with check (org_id = any ((select coffer_org_ids())::uuid[]));
  create policy flush_select on org_chain_heads for select using (org_id = any ((select coffer_org_ids())::uuid[]));
  create policy flush_insert on org_chain_heads for insert with check (org_id = any ((select coffer_org_ids())::uuid[]));
  create policy flush_update on org_chain_heads for update using (org_id = any ((select coffer_org_ids())::uuid[]));
`;
