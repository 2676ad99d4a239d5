import type { EnvironmentKeyOwner } from '../crypto/keyring.js';
import type { NewDataKey } from '../crypto/data-key.js';
import { breaksForeignKey, breaksUnique } from '../database/postgres-errors.js';
import { firstRow, rows, type OrgTransaction } from '../database/transaction.js';
import { AlreadyExists, NotFound } from '../errors/errors.js';
import type { EnvironmentRow } from './tenancy.views.js';

/** Statements about environments and data keys that both projects and environments need. */

/**
 * A new environment with the data key that was made for it. Its revisions go on where those of a deleted one of its name ended. A name in
 * use is `AlreadyExists`, a project that is gone `NotFound`.
 */
export async function insertEnvironment(
  tx: OrgTransaction,
  owner: EnvironmentKeyOwner & Readonly<{ environmentId: string }>,
  name: string,
  key: NewDataKey,
): Promise<EnvironmentRow> {
  const row = { name, revision: '0', created_at: new Date() };
  try {
    await rows(
      tx,
      'insert into environments (org_id, id, project_id, name, created_at) values ($1, $2, $3, $4, $5)',
      [owner.orgId, owner.environmentId, owner.projectId, name, row.created_at],
    );
  } catch (error) {
    if (breaksUnique(error, 'environments_name_key')) throw new AlreadyExists('An environment of this name');
    if (breaksForeignKey(error)) throw new NotFound();
    throw error;
  }
  // A statement of its own: the one before it may have waited for whoever deleted the old one.
  const goneOn = await firstRow<{ revision: string }>(
    tx,
    `update environments e set revision = f.revision + 1
     from former_environments f join projects p on p.org_id = f.org_id and p.slug = f.project
     where e.org_id = $1 and e.id = $2 and f.org_id = $1 and p.id = e.project_id and f.name = e.name
     returning e.revision`,
    [owner.orgId, owner.environmentId],
  );
  await insertDataKey(tx, owner, key);
  return { ...row, revision: goneOn?.revision ?? row.revision };
}

export async function insertDataKey(
  tx: OrgTransaction,
  owner: EnvironmentKeyOwner,
  key: NewDataKey,
): Promise<void> {
  await rows(
    tx,
    `insert into data_keys (org_id, id, project_id, environment_id, wrapped, created_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [owner.orgId, key.id, owner.projectId, owner.environmentId, key.wrapped, new Date()],
  );
}

/** One environment of a project, or with null all of them. */
type Environments = Readonly<{ orgId: string; projectId: string; environmentId: string | null }>;

/**
 * Keeps everybody out of these environments until the commit, having waited for those who are writing in them. Returns what they are
 * called and whether they hold secrets that are not deleted.
 */
export async function lockEnvironments(
  tx: OrgTransaction,
  scope: Environments,
): Promise<{ name: string; holdsSecrets: boolean }[]> {
  const parameters = [scope.orgId, scope.projectId, scope.environmentId];
  const where = 'e.org_id = $1 and e.project_id = $2 and ($3::uuid is null or e.id = $3)';
  await rows(tx, `select 1 from environments e where ${where} order by e.id for update`, parameters);
  // A statement of its own: it sees what those have committed who were waited for.
  const found = await rows<{ name: string; holds_secrets: boolean }>(
    tx,
    `select e.name, exists (select from secrets s
       where s.org_id = e.org_id and s.environment_id = e.id and s.deleted_at is null) as holds_secrets
     from environments e where ${where} order by e.name`,
    parameters,
  );
  return found.map((row) => ({ name: row.name, holdsSecrets: row.holds_secrets }));
}

/** To be called before locked environments are deleted: their revisions are never counted a second time. */
export async function keepRevisions(tx: OrgTransaction, scope: Environments): Promise<void> {
  await rows(
    tx,
    `insert into former_environments as f (org_id, project, name, revision)
     select e.org_id, p.slug, e.name, e.revision
     from environments e join projects p on p.org_id = e.org_id and p.id = e.project_id
     where e.org_id = $1 and e.project_id = $2 and ($3::uuid is null or e.id = $3)
     on conflict (org_id, project, name) do update set revision = greatest(f.revision, excluded.revision)`,
    [scope.orgId, scope.projectId, scope.environmentId],
  );
}

export function findEnvironment(
  tx: OrgTransaction,
  orgId: string,
  id: string,
): Promise<EnvironmentRow | undefined> {
  return firstRow<EnvironmentRow>(
    tx,
    'select name, revision, created_at from environments where org_id = $1 and id = $2',
    [orgId, id],
  );
}
