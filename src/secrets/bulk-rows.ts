import { randomUUID } from 'node:crypto';
import type { AnyAccess } from '../access/access.js';
import { actorOf } from '../access/caller.js';
import type { Plaintext } from '../crypto/plaintext.js';
import { arrayLiteral } from '../database/array-literal.js';
import {
  firstRow,
  prepared,
  rows,
  type OrgTransaction,
  type WriterTransaction,
} from '../database/transaction.js';
import { NotFound, PreconditionFailed } from '../errors/errors.js';
import { environmentForm } from '../formats/names.js';
import type { EnvironmentKeys } from './environment-keys.js';

/**
 * Many secrets of an environment in one change: read with one statement, thought through in memory while the environment is locked, and
 * written with one statement for each table, however many there are. Other changes of the environment wait meanwhile, so what does not need each
 * other's answers flies together.
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

const LOCK_REVISION = prepared(
  'select revision from environments where org_id = $1 and id = $2 for no key update',
);

/** Keeps other writers of the environment out until the commit. Returns its revision. */
export async function lockRevision(tx: WriterTransaction, access: AnyAccess): Promise<number> {
  const row = await firstRow<{ revision: string }>(tx, LOCK_REVISION, [access.org.id, access.environment.id]);
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

const SELECT_DRAFTS = prepared(`
  select id, name, env_form, description, current_version from secrets
  where org_id = $1 and environment_id = $2 and deleted_at is null and env_form = any($3::text[])`);

/** The live secrets with the environment-variable forms of these names, by that form. */
export async function draftsOf(
  tx: OrgTransaction,
  access: AnyAccess,
  names: readonly string[],
): Promise<Map<string, Draft>> {
  const forms = arrayLiteral('text', new Set(names.map(environmentForm)), String);
  const found = await rows<LiveRow>(tx, SELECT_DRAFTS, [access.org.id, access.environment.id, forms]);
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
  const old = drafts.filter(({ isNew }) => !isNew);
  const fresh = drafts.filter(({ isNew }) => isNew);
  const valued = drafts.filter(({ values }) => values.length > 0);
  const outgrown = valued.filter(({ version }) => (version ?? 0) > kept);
  // First what goes, then what comes: a name can be deleted and declared anew in one change.
  await Promise.all([
    old.length === 0 ? null : updateSecrets(tx, access, old, revision, at),
    fresh.length === 0 ? null : insertSecrets(tx, access, fresh, revision, at),
    valued.length === 0 ? null : insertVersions(tx, access, keys, valued, at),
    outgrown.length === 0 ? null : destroyVersions(tx, access, outgrown, kept),
  ]);
}

const UPDATE_SECRETS = prepared(`
  update secrets s set description = d.description, current_version = d.version,
    deleted_at = case when d.deleted then $3::timestamptz end, changed_at_revision = $2, updated_at = $3
  from unnest($4::uuid[], $5::text[], $6::integer[], $7::boolean[]) as d (id, description, version, deleted)
  where s.org_id = $1 and s.id = d.id`);

function updateSecrets(
  tx: OrgTransaction,
  access: AnyAccess,
  drafts: readonly Draft[],
  revision: number,
  at: Date,
): Promise<unknown> {
  return rows(tx, UPDATE_SECRETS, [
    access.org.id,
    revision,
    at,
    arrayLiteral('uuid', drafts, ({ id }) => id),
    arrayLiteral('text', drafts, ({ description }) => description),
    arrayLiteral('integer', drafts, ({ version }) => version),
    arrayLiteral('boolean', drafts, ({ deleted }) => deleted),
  ]);
}

const INSERT_SECRETS = prepared(`
  insert into secrets (org_id, environment_id, changed_at_revision, created_at, updated_at, deleted_at,
    id, name, env_form, description, current_version)
  select $1, $2, $3, $4, $4, case when d.deleted then $4::timestamptz end, d.id, d.name, d.env_form, d.description, d.version
  from unnest($5::uuid[], $6::text[], $7::text[], $8::text[], $9::integer[], $10::boolean[])
    as d (id, name, env_form, description, version, deleted)`);

function insertSecrets(
  tx: OrgTransaction,
  access: AnyAccess,
  drafts: readonly Draft[],
  revision: number,
  at: Date,
): Promise<unknown> {
  return rows(tx, INSERT_SECRETS, [
    access.org.id,
    access.environment.id,
    revision,
    at,
    arrayLiteral('uuid', drafts, ({ id }) => id),
    arrayLiteral('text', drafts, ({ name }) => name),
    arrayLiteral('text', drafts, ({ name }) => environmentForm(name)),
    arrayLiteral('text', drafts, ({ description }) => description),
    arrayLiteral('integer', drafts, ({ version }) => version),
    arrayLiteral('boolean', drafts, ({ deleted }) => deleted),
  ]);
}

const INSERT_VERSIONS = prepared(`
  insert into secret_versions (org_id, created_at, created_by_type, created_by_id, created_by_name,
    secret_id, version, data_key_id, sealed, fingerprint)
  select $1, $2, $3, $4, $5, v.* from unnest($6::uuid[], $7::integer[], $8::uuid[], $9::bytea[], $10::bytea[]) as v`);

async function insertVersions(
  tx: OrgTransaction,
  access: AnyAccess,
  keys: EnvironmentKeys,
  drafts: readonly Draft[],
  at: Date,
): Promise<unknown> {
  const versions = keys.sealAll(
    drafts.flatMap(({ id, values, version }) =>
      values.map((value, index) => {
        const number = (version ?? 0) - values.length + index + 1;
        return { secretId: id, number, value };
      }),
    ),
  );
  const { type, id, name } = actorOf(access.caller);
  return rows(tx, INSERT_VERSIONS, [
    access.org.id,
    at,
    type,
    id,
    name,
    arrayLiteral('uuid', versions, ({ secretId }) => secretId),
    arrayLiteral('integer', versions, ({ number }) => number),
    arrayLiteral('uuid', versions, ({ keyId }) => keyId),
    arrayLiteral('bytea', versions, ({ sealed }) => sealed.toString('hex')),
    arrayLiteral('bytea', versions, ({ fingerprint }) => fingerprint.toString('hex')),
  ]);
}

// First which they are, one secret after the other: otherwise the planner may look through all versions of the organisation. And by their
// keys: whoever seals a version anew meanwhile does not save it.
const DESTROY_VERSIONS = prepared(`
  delete from secret_versions v using (
    select d.id, old.version from unnest($2::uuid[], $3::integer[]) as d (id, oldest) cross join lateral (
      select o.version from secret_versions o
      where o.org_id = $1 and o.secret_id = d.id and o.version <= d.oldest offset 0) as old
    offset 0) as outgrown
  where v.org_id = $1 and v.secret_id = outgrown.id and v.version = outgrown.version`);

function destroyVersions(
  tx: OrgTransaction,
  access: AnyAccess,
  drafts: readonly Draft[],
  kept: number,
): Promise<unknown> {
  return rows(tx, DESTROY_VERSIONS, [
    access.org.id,
    arrayLiteral('uuid', drafts, ({ id }) => id),
    arrayLiteral('integer', drafts, ({ version }) => (version ?? 0) - kept),
  ]);
}
