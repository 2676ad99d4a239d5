import type { Caller } from '../access/caller.js';
import { BUILT_IN_ROLES, isBuiltInRole, isPermission, type Permission } from '../access/permissions.js';
import { Rights, type Holding } from '../access/rights.js';
import type { Scope } from '../access/scope.js';
import { firstRow, prepared, rows, type OrgTransaction } from '../database/transaction.js';
import { InvalidRequest } from '../errors/errors.js';

/** A grant or a token, with what its role holds if it is a custom one. */
type HoldingRow = Readonly<{
  role: string;
  permissions: string[] | null;
  project_id: string | null;
  environment_id: string | null;
  project: string | null;
  environment: string | null;
}>;

/** Who holds rights, as rows remember them. A federated workload is its trust. */
export type Holder = Readonly<{ type: 'user' | 'service-token'; id: string }>;

/** Everything that the caller may do in this organisation: a user by their grants, a service token by its one role. */
export async function rightsOf(tx: OrgTransaction, caller: Caller, org: Scope['org']): Promise<Rights> {
  if (caller.kind === 'service') return caller.org.id === org.id ? caller.rights : new Rights([]);
  return rightsOfUser(tx, caller.user.id, org);
}

/** What somebody may do in this organisation now, whatever they could when they were let in. A token that has ended, or a trust that is gone, may nothing. */
export function presentRights(tx: OrgTransaction, holder: Holder, org: Scope['org']): Promise<Rights> {
  return holder.type === 'user' ? rightsOfUser(tx, holder.id, org) : rightsOfToken(tx, holder.id, org);
}

export function holderOf(caller: Caller): Holder {
  return caller.kind === 'user'
    ? { type: 'user', id: caller.user.id }
    : { type: 'service-token', id: caller.token.id };
}

const SELECT_GRANTS = prepared(`
  select g.role, r.permissions, g.project_id, g.environment_id, p.slug as project, e.name as environment
  from grants g
  left join roles r on r.org_id = g.org_id and r.name = g.custom_role
  left join projects p on p.org_id = g.org_id and p.id = g.project_id
  left join environments e on e.org_id = g.org_id and e.id = g.environment_id
  where g.org_id = $1 and g.user_id = $2
  order by g.created_at, g.id`);

async function rightsOfUser(tx: OrgTransaction, userId: string, org: Scope['org']): Promise<Rights> {
  const found = await rows<HoldingRow>(tx, SELECT_GRANTS, [org.id, userId]);
  return new Rights(found.map((row) => holding(row, org.slug)));
}

/** A federated workload is known by its trust. */
async function rightsOfToken(tx: OrgTransaction, id: string, org: Scope['org']): Promise<Rights> {
  const found = await rows<HoldingRow>(
    tx,
    `select t.role, r.permissions, t.project_id, t.environment_id, p.slug as project, e.name as environment
     from (
       select org_id, id, role, custom_role, project_id, environment_id from service_tokens
       where expires_at is null or expires_at > now()
       union all
       select org_id, id, role, custom_role, project_id, environment_id from trusts
     ) t
     left join roles r on r.org_id = t.org_id and r.name = t.custom_role
     left join projects p on p.org_id = t.org_id and p.id = t.project_id
     left join environments e on e.org_id = t.org_id and e.id = t.environment_id
     where t.org_id = $1 and t.id = $2`,
    [org.id, id],
  );
  return new Rights(found.map((row) => holding(row, org.slug)));
}

function holding(row: HoldingRow, org: string): Holding {
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

/** Of a request that names a role which cannot be given. */
export function unknownRole(): InvalidRequest {
  return new InvalidRequest([UNKNOWN_ROLE]);
}

export const UNKNOWN_ROLE = {
  field: 'role',
  error: 'is neither a built-in role nor one of this organisation',
} as const;
