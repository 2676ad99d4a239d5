import type { AnyAccess } from '../access/access.js';
import { actorOf } from '../access/caller.js';
import type { Plaintext } from '../crypto/plaintext.js';
import { firstRow, prepared, rows, type OrgTransaction } from '../database/transaction.js';
import { Conflict, NotFound, Unexpected } from '../errors/errors.js';
import { SECRET_NAME } from '../formats/names.js';
import type { EnvironmentKeys } from './environment-keys.js';
import { noSuchSecret } from './secret-rows.js';
import type { SecretRow } from './secret.view.js';
import type { ValueSetView } from './value.view.js';

const ADD_VERSION = prepared(`
  with written as (
    insert into secret_versions (org_id, secret_id, version, data_key_id, sealed, fingerprint, created_at,
      created_by_type, created_by_id, created_by_name)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
  ), destroyed as (
    delete from secret_versions where org_id = $1 and secret_id = $2 and version <= $3 - $12::integer
  )
  update secrets set current_version = $3, changed_at_revision = $11, updated_at = $7 where org_id = $1 and id = $2`);

const SELECT_VERSION = prepared(
  'select version, sealed from secret_versions where org_id = $1 and secret_id = $2 and version = $3',
);

/** The next version of a secret, and its rows on their way. */
export type Added = Readonly<{ view: ValueSetView; written: Promise<unknown> }>;

/** Writes the next version of a locked secret and destroys those that are too old to be kept. Versions are dense: 1, 2, 3 … */
export function addVersion(
  tx: OrgTransaction,
  access: AnyAccess,
  keys: EnvironmentKeys,
  secret: SecretRow,
  value: Plaintext,
  revision: number,
  kept: number,
): Added {
  const version = (secret.current_version ?? 0) + 1;
  const at = new Date();
  const { keyId, sealed, fingerprint } = keys.seal({
    secretId: secret.id,
    number: version,
    value,
  });
  const { type, id, name } = actorOf(access.caller);
  const written = [version, keyId, sealed, fingerprint, at, type, id, name, revision, kept];
  return {
    view: { name: secret.name, hasValue: true, version, updatedAt: at.toISOString() },
    written: rows(tx, ADD_VERSION, [access.org.id, secret.id, ...written]),
  };
}

/**
 * Whether the present version of the secret `s` is not its newest one. No statement of this service leaves a secret like that: somebody put
 * an older value back, or took the newest one away, and that is neither an older value nor none.
 */
export const IS_DAMAGED = `s.current_version is distinct from (
  select max(n.version) from secret_versions n where n.org_id = s.org_id and n.secret_id = s.id)`;

export function refuseDamaged(found: readonly Readonly<{ id: string | null; damaged: boolean }>[]): void {
  const damaged = found.find((row) => row.damaged);
  if (damaged !== undefined)
    throw new Unexpected(`the present version of the secret ${damaged.id ?? ''} is not its newest one`);
}

export type SealedVersion = Readonly<{ version: number; sealed: Buffer }>;

export function findVersion(
  tx: OrgTransaction,
  orgId: string,
  secretId: string,
  version: number,
): Promise<SealedVersion | undefined> {
  return firstRow<SealedVersion>(tx, SELECT_VERSION, [orgId, secretId, version]);
}

const SELECT_VALUE = prepared(`
  select s.id, s.current_version, v.version, v.sealed, m.stamp, ${IS_DAMAGED} as damaged
  from secrets s
  join stamps m on m.subject = s.environment_id
  left join secret_versions v on v.org_id = s.org_id and v.secret_id = s.id and v.version = coalesce($4, s.current_version)
  where s.org_id = $1 and s.environment_id = $2 and s.name = $3 and s.deleted_at is null`);

type ValueRow = Readonly<{
  id: string;
  current_version: number | null;
  version: number | null;
  sealed: Buffer | null;
  stamp: string;
  damaged: boolean;
}>;

/** The sealed value of a secret, the present one or that of an earlier version, with the stamp of its environment. */
export async function findValue(
  tx: OrgTransaction,
  access: AnyAccess,
  name: string,
  version: number | undefined,
): Promise<SealedVersion & Readonly<{ id: string; stamp: string }>> {
  const row = SECRET_NAME.test(name)
    ? await firstRow<ValueRow>(tx, SELECT_VALUE, [
        access.org.id,
        access.environment.id,
        name,
        version ?? null,
      ])
    : undefined;
  if (row === undefined) throw noSuchSecret();
  refuseDamaged([row]);
  if (row.current_version === null) throw new Conflict(`The secret ${name} has no value.`, 'no_value');
  if (row.version === null || row.sealed === null) throw noSuchVersion();
  return { id: row.id, version: row.version, sealed: row.sealed, stamp: row.stamp };
}

export function noSuchVersion(): NotFound {
  return new NotFound(
    'This secret has no such version: it never had, or it is older than the versions that are kept.',
  );
}
