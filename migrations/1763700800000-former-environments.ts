import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How far the revisions of deleted environments had come. One that is made anew under the same name goes on from there: who still has the
 * old one's entity tag must never be told that nothing has changed.
 */
export class FormerEnvironments1763700800000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLE);
  }

  async down(): Promise<void> {
    throw new Error('This migration is not undone: old entity tags would hold again.');
  }
}

const TABLE = `
  create table former_environments (
    org_id uuid not null references organisations (org_id) on delete cascade,
    project text collate "C" not null,
    name text collate "C" not null,
    revision bigint not null,
    primary key (org_id, project, name)
  );
  alter table former_environments enable row level security;
  alter table former_environments force row level security;
  create policy tenant on former_environments using (org_id = coffer_org_id()) with check (org_id = coffer_org_id());
  grant select, insert, update on former_environments to coffer_app;
`;
