import { firstRow, rows, type OrgTransaction } from '../database/transaction.js';

/** Which secrets were changed last by which revision. */
export type RevisionEvent = Readonly<{ revision: number; changed: readonly string[] }>;

export type History = Readonly<{ revision: number; events: readonly RevisionEvent[] }>;

type ChangeRow = Readonly<{ revision: string; name: string | null; changed_at_revision: string | null }>;

/**
 * What happened in an environment after a revision, the oldest first; null when the environment is gone. A secret stands where it was
 * changed last, deleted ones included; the present revision is always the last. One statement, so one state.
 */
export async function historyAfter(
  tx: OrgTransaction,
  orgId: string,
  environmentId: string,
  after: number,
): Promise<History | null> {
  const found = await rows<ChangeRow>(
    tx,
    `with changed as (
       select name, changed_at_revision from secrets
       where org_id = $1 and environment_id = $2 and deleted_at is null and changed_at_revision > $3
       union all
       select name, changed_at_revision from secrets
       where org_id = $1 and environment_id = $2 and deleted_at is not null and changed_at_revision > $3
     )
     select e.revision, c.name, c.changed_at_revision
     from environments e left join changed c on true
     where e.org_id = $1 and e.id = $2
     order by c.changed_at_revision, c.name`,
    [orgId, environmentId, after],
  );
  const [first] = found;
  if (first === undefined) return null;
  const revision = Number(first.revision);
  const byRevision = new Map<number, Set<string>>();
  for (const { name, changed_at_revision: at } of found) {
    if (name !== null && at !== null)
      byRevision.set(Number(at), (byRevision.get(Number(at)) ?? new Set()).add(name));
  }
  if (revision > after && !byRevision.has(revision)) byRevision.set(revision, new Set());
  return { revision, events: [...byRevision].map(([at, names]) => ({ revision: at, changed: [...names] })) };
}

export async function currentRevision(
  tx: OrgTransaction,
  orgId: string,
  environmentId: string,
): Promise<number | undefined> {
  const row = await firstRow<{ revision: string }>(
    tx,
    'select revision from environments where org_id = $1 and id = $2',
    [orgId, environmentId],
  );
  return row === undefined ? undefined : Number(row.revision);
}
