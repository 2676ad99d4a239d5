import type { AnyAccess } from '../access/access.js';
import { actorOf } from '../access/caller.js';
import type { Plaintext } from '../crypto/plaintext.js';
import { firstRow, prepared, rows, type OrgTransaction } from '../database/transaction.js';
import type { EnvironmentKeys } from './environment-keys.js';
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

/** Writes the next version of a locked secret and destroys those that are too old to be kept. Versions are dense: 1, 2, 3 … */
export async function addVersion(
  tx: OrgTransaction,
  access: AnyAccess,
  keys: EnvironmentKeys,
  secret: SecretRow,
  value: Plaintext,
  revision: number,
  kept: number,
): Promise<ValueSetView> {
  const version = (secret.current_version ?? 0) + 1;
  const at = new Date();
  const { keyId, sealed, fingerprint } = keys.seal(secret.id, version, value);
  const { type, id, name } = actorOf(access.caller);
  const written = [version, keyId, sealed, fingerprint, at, type, id, name, revision, kept];
  await rows(tx, ADD_VERSION, [access.org.id, secret.id, ...written]);
  return { name: secret.name, hasValue: true, version, updatedAt: at.toISOString() };
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
