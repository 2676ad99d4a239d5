import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Acts: who did what where, and whether it was allowed. A fleet that reads does the same few of them over and over. The trail is searched by
 * them, so an event is in one index for its act and no longer in one for each column of it: those were two thirds of what an event cost.
 */
export class Acts1763700700000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLE);
    await runner.query(EXISTING);
    await runner.query(INDEXES);
  }

  async down(): Promise<void> {
    throw new Error('This migration is not undone: records would no longer be found.');
  }
}

// The key is a digest of the act, made by whoever writes it. No foreign key: the application deletes neither of them, and who is able to
// is found by `coffer admin verify-audit`, which compares an act with what its events say of themselves.
const TABLE = `
  create table org_acts (
    org_id uuid not null,
    act uuid not null,
    actor_id text,
    actor_name text,
    action text not null,
    outcome text not null,
    project text,
    environment text,
    primary key (org_id, act)
  );
  alter table org_acts enable row level security;
  alter table org_acts force row level security;
  create policy tenant on org_acts using (org_id = coffer_org_id()) with check (org_id = coffer_org_id());
  create policy flush_insert on org_acts for insert with check (org_id = any ((select coffer_org_ids())::uuid[]));
  grant select, insert on org_acts to coffer_app;
  alter table org_events add column act uuid;
`;

// An owner sees the rows of every tenant only where row-level security is not forced. These keys are other digests than those of new acts: an
// act may stand twice.
const KEY = `md5(jsonb_build_array(actor_id, actor_name, action, outcome, project, environment)::text)::uuid`;
const EXISTING = `
  alter table org_events no force row level security;
  alter table org_acts no force row level security;
  update org_events set act = ${KEY};
  insert into org_acts (org_id, act, actor_id, actor_name, action, outcome, project, environment)
    select distinct org_id, act, actor_id, actor_name, action, outcome, project, environment from org_events;
  alter table org_events alter column act set not null;
  alter table org_events force row level security;
  alter table org_acts force row level security;
`;

// Times stand in their order but for the clocks of the nodes: every 128th event is enough to find a place.
const INDEXES = `
  drop index org_events_by_actor_id, org_events_by_actor_name, org_events_by_action, org_events_by_place, org_events_denied,
    org_events_by_time;
  create index org_events_by_act on org_events (org_id, act, seq);
  create index org_events_by_time on org_events (org_id, at) where seq % 128 = 0;
`;
