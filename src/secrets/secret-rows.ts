import type { AnyAccess } from '../access/access.js';
import { firstRow, prepared, type OrgTransaction, type WriterTransaction } from '../database/transaction.js';
import { NotFound } from '../errors/errors.js';
import { SECRET_NAME } from '../formats/names.js';
import { SECRET_COLUMNS, type SecretRow } from './secret.view.js';

/**
 * Statements that more than one story of this folder needs. Writers lock in one order, so that they never wait for each other in a circle:
 * the environment (by its revision), the secret, and last the audit chain.
 */

const BUMP_REVISION = prepared(
  'update environments set revision = revision + 1 where org_id = $1 and id = $2 returning revision',
);

const SELECT_STAMP = prepared('select stamp from stamps where subject = $1');

const SELECT_LIVE = prepared(
  `select ${SECRET_COLUMNS} from secrets
   where org_id = $1 and environment_id = $2 and name = $3 and deleted_at is null`,
);

const LOCK_LIVE = prepared(`${SELECT_LIVE.text} for update`);

/** Counts one change of the environment and keeps other writers of it out until the commit. Returns the new revision. */
export async function bumpRevision(tx: WriterTransaction, access: AnyAccess): Promise<number> {
  const ids = [access.org.id, access.environment.id];
  const row = await firstRow<{ revision: string }>(tx, BUMP_REVISION, ids);
  if (row === undefined) throw new NotFound();
  return Number(row.revision);
}

/** The environment's stamp. What is read after it is at least as new as it says. */
export async function stampOf(tx: OrgTransaction, access: AnyAccess): Promise<string> {
  const row = await firstRow<{ stamp: string }>(tx, SELECT_STAMP, [access.environment.id]);
  if (row === undefined) throw new NotFound();
  return row.stamp;
}

/** The live secret of that name, or `NotFound`. */
export async function findLive(
  tx: OrgTransaction,
  access: AnyAccess,
  name: string,
  lock: 'for update' | '' = '',
): Promise<SecretRow> {
  if (!SECRET_NAME.test(name)) throw noSuchSecret();
  const statement = lock === '' ? SELECT_LIVE : LOCK_LIVE;
  const row = await firstRow<SecretRow>(tx, statement, [access.org.id, access.environment.id, name]);
  if (row === undefined) throw noSuchSecret();
  return row;
}

export function noSuchSecret(): NotFound {
  return new NotFound('No secret of this name is declared in this environment.');
}
