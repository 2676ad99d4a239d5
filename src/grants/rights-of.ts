import type { Caller } from '../access/caller.js';
import { BUILT_IN_ROLES, isBuiltInRole, isPermission, type Permission } from '../access/permissions.js';
import { Rights, type Holding } from '../access/rights.js';
import type { Scope } from '../access/scope.js';
import { firstRow, rows, type OrgTransaction } from '../database/transaction.js';

type GrantRow = Readonly<{
  role: string;
  permissions: string[] | null;
  project_id: string | null;
  environment_id: string | null;
  project: string | null;
  environment: string | null;
}>;

/** Everything that the caller may do in this organisation: a user by their grants, a service token by its one role. */
export async function rightsOf(tx: OrgTransaction, caller: Caller, org: Scope['org']): Promise<Rights> {
  if (caller.kind === 'service') return caller.org.id === org.id ? caller.rights : new Rights([]);
  const found = await rows<GrantRow>(
    tx,
    `select g.role, r.permissions, g.project_id, g.environment_id, p.slug as project, e.name as environment
     from grants g
     left join roles r on r.org_id = g.org_id and r.name = g.custom_role
     left join projects p on p.org_id = g.org_id and p.id = g.project_id
     left join environments e on e.org_id = g.org_id and e.id = g.environment_id
     where g.org_id = $1 and g.user_id = $2
     order by g.created_at, g.id`,
    [org.id, caller.user.id],
  );
  return new Rights(found.map((row) => holding(row, org.slug)));
}

function holding(row: GrantRow, org: string): Holding {
  const path = [org, row.project, row.environment].filter((part) => part !== null).join('/');
  return {
    permissions: permissionsOf(row.role, row.permissions),
    at: { projectId: row.project_id, environmentId: row.environment_id },
    owner: row.role === 'owner',
    because: `${row.role} in ${path}`,
  };
}

/** The permissions of a role: the built-in ones by name, a custom one by its list. A role that is unknown holds nothing. */
export function permissionsOf(role: string, custom: readonly string[] | null): ReadonlySet<Permission> {
  if (isBuiltInRole(role)) return new Set(BUILT_IN_ROLES[role]);
  return new Set((custom ?? []).filter(isPermission));
}

/** What a role that can be given holds: a built-in one, or one of this organisation. Null: there is no such role. */
export async function findRole(
  tx: OrgTransaction,
  orgId: string,
  name: string,
): Promise<ReadonlySet<Permission> | null> {
  if (isBuiltInRole(name)) return permissionsOf(name, null);
  const row = await firstRow<{ permissions: string[] }>(
    tx,
    'select permissions from roles where org_id = $1 and name = $2',
    [orgId, name],
  );
  return row === undefined ? null : permissionsOf(name, row.permissions);
}
