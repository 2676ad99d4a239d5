import type { AnyAccess } from '../access/access.js';
import { firstRow, type OrgTransaction } from '../database/transaction.js';
import { NotFound } from '../errors/errors.js';
import { SECRET_NAME } from '../formats/names.js';
import { SECRET_COLUMNS, type SecretRow } from './secret.view.js';

/**
 * Statements that more than one story of this folder needs. Writers lock in one order, so that they never wait for each other in a circle:
 * the environment (by its revision), the secret, and last the audit chain.
 */

/** Counts one change of the environment and keeps other writers of it out until the commit. Returns the new revision. */
export async function bumpRevision(tx: OrgTransaction, access: AnyAccess): Promise<number> {
  const row = await firstRow<{ revision: string }>(
    tx,
    'update environments set revision = revision + 1 where org_id = $1 and id = $2 returning revision',
    [access.org.id, access.environment.id],
  );
  if (row === undefined) throw new NotFound();
  return Number(row.revision);
}

/** The live secret of that name, or `NotFound`. */
export async function findLive(
  tx: OrgTransaction,
  access: AnyAccess,
  name: string,
  lock: 'for update' | '' = '',
): Promise<SecretRow> {
  if (!SECRET_NAME.test(name)) throw noSuchSecret();
  const row = await firstRow<SecretRow>(
    tx,
    `select ${SECRET_COLUMNS} from secrets
     where org_id = $1 and environment_id = $2 and name = $3 and deleted_at is null ${lock}`,
    [access.org.id, access.environment.id, name],
  );
  if (row === undefined) throw noSuchSecret();
  return row;
}

export function noSuchSecret(): NotFound {
  return new NotFound('No secret of this name is declared in this environment.');
}
