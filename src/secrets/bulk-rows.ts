import { randomUUID } from 'node:crypto';
import type { AnyAccess } from '../access/access.js';
import { actorOf } from '../access/caller.js';
import type { Plaintext } from '../crypto/plaintext.js';
import { firstRow, rows, type OrgTransaction } from '../database/transaction.js';
import { NotFound, PreconditionFailed } from '../errors/errors.js';
import { environmentForm } from '../formats/names.js';
import type { EnvironmentKeys } from './environment-keys.js';

/**
 * Many secrets of an environment in one change: read with one statement, thought through in memory while the environment is locked, and
 * written with one statement for each table, however many there are.
 */

/** A secret as it is going to be. `values` are its new versions, the oldest first; the last of them is number `version`. */
export type Draft = {
  readonly id: string;
  readonly name: string;
  readonly isNew: boolean;
  description: string | null;
  version: number | null;
  values: Plaintext[];
  deleted: boolean;
};

export function newDraft(name: string, description: string | null): Draft {
  return { id: randomUUID(), name, isNew: true, description, version: null, values: [], deleted: false };
}

/** Gives a secret one more version. Returns its number. */
export function setValue(draft: Draft, value: Plaintext): number {
  draft.values.push(value);
  draft.version = (draft.version ?? 0) + 1;
  return draft.version;
}

/** Keeps other writers of the environment out until the commit. Returns its revision. */
export async function lockRevision(tx: OrgTransaction, access: AnyAccess): Promise<number> {
  const row = await firstRow<{ revision: string }>(
    tx,
    'select revision from environments where org_id = $1 and id = $2 for no key update',
    [access.org.id, access.environment.id],
  );
  if (row === undefined) throw new NotFound();
  return Number(row.revision);
}

/** Throws unless the writer's idea of the environment's revision is right. */
export function requireRevision(ifRevision: number | undefined, current: number): void {
  if (ifRevision === undefined || ifRevision === current) return;
  throw new PreconditionFailed(
    `The environment has revision ${String(current)} by now: look at what changed and use that number in ifRevision.`,
  );
}

type LiveRow = Readonly<{
  id: string;
  name: string;
  env_form: string;
  description: string | null;
  current_version: number | null;
}>;

/** The live secrets with the environment-variable forms of these names, by that form. */
export async function draftsOf(
  tx: OrgTransaction,
  access: AnyAccess,
  names: readonly string[],
): Promise<Map<string, Draft>> {
  const found = await rows<LiveRow>(
    tx,
    `select id, name, env_form, description, current_version from secrets
     where org_id = $1 and environment_id = $2 and deleted_at is null and env_form = any($3)`,
    [access.org.id, access.environment.id, [...new Set(names.map(environmentForm))]],
  );
  return new Map(
    found.map((row) => [
      row.env_form,
      {
        id: row.id,
        name: row.name,
        isNew: false,
        description: row.description,
        version: row.current_version,
        values: [],
        deleted: false,
      },
    ]),
  );
}

/** Writes the drafts as one change of that revision; versions that are too old to be kept are destroyed. */
export async function writeDrafts(
  tx: OrgTransaction,
  access: AnyAccess,
  keys: EnvironmentKeys,
  drafts: readonly Draft[],
  revision: number,
  kept: number,
): Promise<void> {
  const at = new Date();
  // First what goes, then what comes: a name can be deleted and declared anew in one change.
  await updateSecrets(
    tx,
    access,
    drafts.filter(({ isNew }) => !isNew),
    revision,
    at,
  );
  await insertSecrets(
    tx,
    access,
    drafts.filter(({ isNew }) => isNew),
    revision,
    at,
  );
  await insertVersions(
    tx,
    access,
    keys,
    drafts.filter(({ values }) => values.length > 0),
    at,
    kept,
  );
}

async function updateSecrets(
  tx: OrgTransaction,
  access: AnyAccess,
  drafts: readonly Draft[],
  revision: number,
  at: Date,
): Promise<void> {
  if (drafts.length === 0) return;
  await rows(
    tx,
    `update secrets s set description = d.description, current_version = d.version,
       deleted_at = case when d.deleted then $3::timestamptz end, changed_at_revision = $2, updated_at = $3
     from unnest($4::uuid[], $5::text[], $6::integer[], $7::boolean[]) as d (id, description, version, deleted)
     where s.org_id = $1 and s.id = d.id`,
    [
      access.org.id,
      revision,
      at,
      drafts.map(({ id }) => id),
      drafts.map(({ description }) => description),
      drafts.map(({ version }) => version),
      drafts.map(({ deleted }) => deleted),
    ],
  );
}

async function insertSecrets(
  tx: OrgTransaction,
  access: AnyAccess,
  drafts: readonly Draft[],
  revision: number,
  at: Date,
): Promise<void> {
  if (drafts.length === 0) return;
  await rows(
    tx,
    `insert into secrets (org_id, environment_id, changed_at_revision, created_at, updated_at, deleted_at,
       id, name, env_form, description, current_version)
     select $1, $2, $3, $4, $4, case when d.deleted then $4::timestamptz end, d.id, d.name, d.env_form, d.description, d.version
     from unnest($5::uuid[], $6::text[], $7::text[], $8::text[], $9::integer[], $10::boolean[])
       as d (id, name, env_form, description, version, deleted)`,
    [
      access.org.id,
      access.environment.id,
      revision,
      at,
      drafts.map(({ id }) => id),
      drafts.map(({ name }) => name),
      drafts.map(({ name }) => environmentForm(name)),
      drafts.map(({ description }) => description),
      drafts.map(({ version }) => version),
      drafts.map(({ deleted }) => deleted),
    ],
  );
}

async function insertVersions(
  tx: OrgTransaction,
  access: AnyAccess,
  keys: EnvironmentKeys,
  drafts: readonly Draft[],
  at: Date,
  kept: number,
): Promise<void> {
  if (drafts.length === 0) return;
  const versions = drafts.flatMap(({ id, values, version }) =>
    values.map((value, index) => {
      const number = (version ?? 0) - values.length + index + 1;
      return { secretId: id, number, ...keys.seal(id, number, value) };
    }),
  );
  const { type, id, name } = actorOf(access.caller);
  await rows(
    tx,
    `insert into secret_versions (org_id, created_at, created_by_type, created_by_id, created_by_name,
       secret_id, version, data_key_id, sealed, fingerprint)
     select $1, $2, $3, $4, $5, v.* from unnest($6::uuid[], $7::integer[], $8::uuid[], $9::bytea[], $10::bytea[]) as v`,
    [
      access.org.id,
      at,
      type,
      id,
      name,
      versions.map(({ secretId }) => secretId),
      versions.map(({ number }) => number),
      versions.map(({ keyId }) => keyId),
      versions.map(({ sealed }) => sealed),
      versions.map(({ fingerprint }) => fingerprint),
    ],
  );
  const outgrown = drafts.filter(({ version }) => (version ?? 0) > kept);
  if (outgrown.length === 0) return;
  await rows(
    tx,
    `delete from secret_versions v using unnest($2::uuid[], $3::integer[]) as d (id, oldest)
     where v.org_id = $1 and v.secret_id = d.id and v.version <= d.oldest`,
    [access.org.id, outgrown.map((draft) => draft.id), outgrown.map(({ version }) => (version ?? 0) - kept)],
  );
}
