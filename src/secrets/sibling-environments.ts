import type { AnyAccess } from '../access/access.js';
import type { Permission } from '../access/permissions.js';
import { firstRow, type OrgTransaction } from '../database/transaction.js';
import { NotFound } from '../errors/errors.js';
import { Lacking } from './refusal.js';

export type Sibling = Readonly<{ id: string; name: string }>;

/**
 * Another environment of the project, which a body or a query names: the same rule as for one in the path. What the caller may not see is
 * `NotFound`, in the same words as what does not exist; where they see it and lack the permission it is `Lacking`.
 */
export async function findSibling(
  tx: OrgTransaction,
  access: AnyAccess,
  name: string,
  permission: Permission,
): Promise<Sibling> {
  const row = await firstRow<{ id: string }>(
    tx,
    'select id from environments where org_id = $1 and project_id = $2 and name = $3',
    [access.org.id, access.project.id, name],
  );
  if (row === undefined) throw new NotFound();
  const there = { projectId: access.project.id, environmentId: row.id };
  if (!access.rights.sees(there)) throw new NotFound();
  if (!access.rights.holds(permission, there)) throw new Lacking([permission]);
  return { id: row.id, name };
}
