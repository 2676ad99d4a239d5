import type { DataKeys, NewDataKey } from '../../crypto/data-key.js';
import type { EnvironmentKeyOwner } from '../../crypto/keyring.js';
import { versionPlace } from '../../crypto/places.js';
import { firstRow, rows, type OrgTransaction } from '../../database/transaction.js';
import { recordOf, type Foundation } from './foundation.js';
import type { Finished, KeyHolder } from './key-holder.js';

/** Values in one transaction: each may have a megabyte. */
const AT_ONCE = 50;

type Row = Readonly<{
  project_id: string;
  environment_id: string;
  project: string;
  environment: string;
  present_since: Date;
  first_retired: Date | null;
}>;

const SELECT_HOLDERS = `
  select e.project_id, e.id as environment_id, p.slug as project, e.name as environment,
    max(k.created_at) filter (where k.retired_at is null) as present_since, min(k.retired_at) as first_retired
  from environments e
  join projects p on p.org_id = e.org_id and p.id = e.project_id
  join data_keys k on k.org_id = e.org_id and k.environment_id = e.id
  where e.org_id = $1 and ($2::uuid is null or e.id = $2)
  group by e.project_id, e.id, p.slug, e.name`;

/** The environments of an organisation, or one of them. */
export async function environmentKeys(
  foundation: Foundation,
  orgId: string,
  environmentId: string | null,
): Promise<KeyHolder[]> {
  const found = await foundation.database.forOrg(orgId, (tx) =>
    rows<Row>(tx, SELECT_HOLDERS, [orgId, environmentId]),
  );
  return found.map((row) => {
    const owner = { orgId, projectId: row.project_id, environmentId: row.environment_id };
    const place = { project: row.project, environment: row.environment };
    return {
      presentSince: row.present_since,
      firstRetired: row.first_retired,
      renew: (at) => renew(foundation, owner, place, at),
      finish: (tell) => finish(foundation, owner, place, tell),
    };
  });
}

type Owner = EnvironmentKeyOwner & Readonly<{ environmentId: string }>;
type PlaceNames = Readonly<{ project: string; environment: string }>;

async function renew(
  { database, audit, keyring }: Foundation,
  owner: Owner,
  place: PlaceNames,
  at: Date,
): Promise<boolean> {
  const key = await keyring.make(owner);
  return database.forOrg(owner.orgId, async (tx) => {
    if (!(await lock(tx, owner))) return false;
    await replace(tx, owner, key, at);
    await audit.record(tx, owner.orgId, recordOf('data-key.rotate', place));
    return true;
  });
}

async function replace(tx: OrgTransaction, owner: Owner, key: NewDataKey, at: Date): Promise<void> {
  await rows(
    tx,
    `update data_keys set retired_at = $4
     where org_id = $1 and project_id = $2 and environment_id = $3 and retired_at is null`,
    [owner.orgId, owner.projectId, owner.environmentId, at],
  );
  await rows(
    tx,
    `insert into data_keys (org_id, id, project_id, environment_id, wrapped, created_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [owner.orgId, key.id, owner.projectId, owner.environmentId, key.wrapped, at],
  );
}

/** The service goes on meanwhile, and nodes that have not met the new key yet go on sealing under an old one: those come last. */
async function finish(
  { database, audit, keyring }: Foundation,
  owner: Owner,
  place: PlaceNames,
  tell: (resealed: number) => void,
): Promise<Finished> {
  let resealed = 0;
  for (let batch = AT_ONCE; batch === AT_ONCE; resealed += batch) {
    batch = await keyring.with(owner, (keys) =>
      database.forOrg(owner.orgId, async (tx) =>
        (await lock(tx, owner)) ? resealSome(tx, owner, keys, 'skip locked') : 0,
      ),
    );
    tell(batch);
  }
  const last = await keyring.with(owner, (keys) =>
    database.forOrg(owner.orgId, async (tx) => {
      if (!(await lock(tx, owner))) return { late: 0, destroyed: 0 };
      // Nobody writes here until the commit, and whoever comes after it finds the old keys gone and reads the present one.
      let late = 0;
      for (let batch = AT_ONCE; batch === AT_ONCE; late += batch)
        batch = await resealSome(tx, owner, keys, '');
      const gone = await rows(
        tx,
        `delete from data_keys
         where org_id = $1 and project_id = $2 and environment_id = $3 and retired_at is not null returning id`,
        [owner.orgId, owner.projectId, owner.environmentId],
      );
      if (gone.length === 0) return { late, destroyed: 0 };
      const record = recordOf('data-key.destroy', { ...place, keys: gone.length, resealed: resealed + late });
      await audit.record(tx, owner.orgId, record);
      return { late, destroyed: gone.length };
    }),
  );
  tell(last.late);
  return { resealed: resealed + last.late, destroyed: last.destroyed };
}

type SealedRow = Readonly<{ secret_id: string; version: number; sealed: Buffer }>;

/** The same values at the same places under the present key. The row is what it was otherwise: no new version, no new revision. */
async function resealSome(
  tx: OrgTransaction,
  { orgId, projectId, environmentId }: Owner,
  keys: DataKeys,
  skip: 'skip locked' | '',
): Promise<number> {
  const found = await rows<SealedRow>(
    tx,
    `select v.secret_id, v.version, v.sealed from secret_versions v
     join data_keys k on k.org_id = v.org_id and k.id = v.data_key_id
     where v.org_id = $1 and k.project_id = $2 and k.environment_id = $3 and k.retired_at is not null
     limit ${String(AT_ONCE)} for no key update of v ${skip}`,
    [orgId, projectId, environmentId],
  );
  if (found.length === 0) return 0;
  const sealed = found.map((row) =>
    keys.reseal(
      versionPlace({ orgId, environmentId, secretId: row.secret_id, version: row.version }),
      row.sealed,
    ),
  );
  await rows(
    tx,
    `update secret_versions v set data_key_id = $2, sealed = n.sealed
     from unnest($3::uuid[], $4::integer[], $5::bytea[]) as n (secret_id, version, sealed)
     where v.org_id = $1 and v.secret_id = n.secret_id and v.version = n.version`,
    [orgId, keys.currentId, found.map((row) => row.secret_id), found.map(({ version }) => version), sealed],
  );
  return found.length;
}

/** The lock that every writer of the environment takes first, so that it and they never wait for each other in a circle. False when it was deleted. */
async function lock(tx: OrgTransaction, { orgId, environmentId }: Owner): Promise<boolean> {
  const row = await firstRow(
    tx,
    'select 1 from environments where org_id = $1 and id = $2 for no key update',
    [orgId, environmentId],
  );
  return row !== undefined;
}
