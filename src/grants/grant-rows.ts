import { randomUUID } from 'node:crypto';
import type { AnyAccess } from '../access/access.js';
import type { Rights } from '../access/rights.js';
import type { ScopeIds } from '../access/scope.js';
import { breaksForeignKey, breaksUnique } from '../database/postgres-errors.js';
import { firstRow, rows, type OrgTransaction } from '../database/transaction.js';
import { AlreadyExists, Conflict, NotFound, Unexpected } from '../errors/errors.js';
import type { Gift } from './boundary.js';
import { holderOf, permissionsOf, presentRights } from './rights-of.js';

/** Statements about grants that more than one story needs. */

/** A grant as the database has it, with the names of its user and of its scope. `permissions` are a custom role's. */
export type GrantRow = Readonly<{
  id: string;
  role: string;
  permissions: string[] | null;
  user_id: string;
  username: string;
  email: string;
  project_id: string | null;
  environment_id: string | null;
  project: string | null;
  environment: string | null;
  created_at: Date;
}>;

export const SELECT_GRANTS = `
  select g.id, g.role, r.permissions, g.user_id, u.username, u.email, g.project_id, g.environment_id, p.slug as project,
    e.name as environment, g.created_at
  from grants g
  join users u on u.id = g.user_id
  left join roles r on r.org_id = g.org_id and r.name = g.custom_role
  left join projects p on p.org_id = g.org_id and p.id = g.project_id
  left join environments e on e.org_id = g.org_id and e.id = g.environment_id`;

export function scopeOf(grant: GrantRow): ScopeIds {
  return { projectId: grant.project_id, environmentId: grant.environment_id };
}

/** What a grant carries, for the boundary rule. */
export function giftOf(grant: GrantRow): Gift {
  return { role: grant.role, permissions: permissionsOf(grant.role, grant.permissions), at: scopeOf(grant) };
}

/** What the trail says a grant is. */
export function tellable(grant: GrantRow): Readonly<Record<string, string>> {
  return {
    ...(grant.project === null ? {} : { project: grant.project }),
    ...(grant.environment === null ? {} : { environment: grant.environment }),
    role: grant.role,
    user: grant.username,
  };
}

/**
 * Whatever gives, changes or takes rights in one organisation happens one after the other: two requests cannot each take the other's owner
 * away, and nobody gives by a right that is being taken from them. Returns what the caller may do now that it is their turn.
 */
export async function lockGrants(tx: OrgTransaction, { caller, org }: AnyAccess): Promise<Rights> {
  await waitForTurn(tx, org.id);
  return presentRights(tx, holderOf(caller), org);
}

/** Keeps everybody else who gives or takes rights in the organisation waiting until the commit. */
export async function waitForTurn(tx: OrgTransaction, orgId: string): Promise<void> {
  const locked = await firstRow(tx, 'select 1 from organisations where org_id = $1 for no key update', [
    orgId,
  ]);
  if (locked === undefined) throw new NotFound();
}

/** Gives a role in a scope. A scope that has just been deleted is `NotFound`. */
export async function insertGrant(
  tx: OrgTransaction,
  orgId: string,
  grant: Readonly<{ userId: string; role: string; at: ScopeIds }>,
): Promise<GrantRow> {
  const id = randomUUID();
  try {
    await rows(
      tx,
      `insert into grants (org_id, id, user_id, role, project_id, environment_id, created_at)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [orgId, id, grant.userId, grant.role, grant.at.projectId, grant.at.environmentId, new Date()],
    );
  } catch (error) {
    if (breaksUnique(error, 'grants_once')) throw new AlreadyExists('This grant');
    if (breaksForeignKey(error)) throw new NotFound();
    throw error;
  }
  const row = await findGrant(tx, orgId, id);
  if (row === undefined) throw new Unexpected('a grant was not there after its insert');
  return row;
}

export function findGrant(tx: OrgTransaction, orgId: string, id: string): Promise<GrantRow | undefined> {
  return firstRow<GrantRow>(tx, `${SELECT_GRANTS} where g.org_id = $1 and g.id = $2`, [orgId, id]);
}

/** Takes grants away, all or none: an organisation keeps an owner. To be called under `lockGrants`. */
export async function deleteGrants(
  tx: OrgTransaction,
  orgId: string,
  grants: readonly GrantRow[],
): Promise<void> {
  await rows(tx, 'delete from grants where org_id = $1 and id = any($2)', [
    orgId,
    grants.map((grant) => grant.id),
  ]);
  const owner = await firstRow(
    tx,
    `select 1 from grants where org_id = $1 and role = 'owner' and project_id is null limit 1`,
    [orgId],
  );
  if (owner === undefined) {
    throw new Conflict(
      'An organisation keeps at least one owner: make somebody else an owner first.',
      'last_owner',
    );
  }
}
