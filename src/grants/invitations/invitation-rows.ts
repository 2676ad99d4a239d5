import type { Actor } from '../../access/caller.js';
import type { ScopeIds } from '../../access/scope.js';
import type { Resource } from '../../audit/audit-event.js';
import { breaksForeignKey } from '../../database/postgres-errors.js';
import { firstRow, rows, type OrgTransaction } from '../../database/transaction.js';
import { NotFound, Unexpected } from '../../errors/errors.js';
import type { Gift } from '../boundary.js';
import { permissionsOf } from '../rights-of.js';

/** Statements about invitations that more than one story needs. An invitation that was used, was revoked or has expired is none. */

/** An invitation ends after that many days unless it says another time. */
export const DAYS_OPEN = 7;

/** An open invitation with the names of its scope. `permissions` are a custom role's. */
export type InvitationRow = Readonly<{
  id: string;
  org: string;
  role: string;
  permissions: string[] | null;
  project_id: string | null;
  environment_id: string | null;
  project: string | null;
  environment: string | null;
  email: string | null;
  hash: Buffer;
  created_at: Date;
  created_by_type: 'user' | 'service-token';
  created_by_id: string;
  created_by_name: string;
  expires_at: Date;
}>;

export const SELECT_INVITATIONS = `
  select i.id, o.slug as org, i.role, r.permissions, i.project_id, i.environment_id, p.slug as project,
    e.name as environment, i.email, i.hash, i.created_at, i.created_by_type, i.created_by_id, i.created_by_name, i.expires_at
  from invitations i
  join org_slugs o on o.org_id = i.org_id
  left join roles r on r.org_id = i.org_id and r.name = i.custom_role
  left join projects p on p.org_id = i.org_id and p.id = i.project_id
  left join environments e on e.org_id = i.org_id and e.id = i.environment_id`;

export function findInvitation(
  tx: OrgTransaction,
  orgId: string,
  id: string,
): Promise<InvitationRow | undefined> {
  const sql = `${SELECT_INVITATIONS} where i.org_id = $1 and i.id = $2 and i.expires_at > now()`;
  return firstRow<InvitationRow>(tx, sql, [orgId, id]);
}

type NewInvitation = Readonly<{
  id: string;
  role: string;
  at: ScopeIds;
  email: string | undefined;
  expiresAt: string | undefined;
  hash: Buffer;
  by: Actor;
}>;

/** A scope that has just been deleted is `NotFound`. */
export async function insertInvitation(
  tx: OrgTransaction,
  orgId: string,
  invitation: NewInvitation,
): Promise<InvitationRow> {
  const { id, role, at, email, expiresAt, hash, by } = invitation;
  try {
    await rows(
      tx,
      `insert into invitations (org_id, id, role, project_id, environment_id, email, hash, created_at, created_by_type,
         created_by_id, created_by_name, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, now(), $8, $9, $10, coalesce($11, now() + interval '${String(DAYS_OPEN)} days'))`,
      [
        ...[orgId, id, role, at.projectId, at.environmentId, email ?? null, hash],
        ...[by.type, by.id, by.name, expiresAt ?? null],
      ],
    );
  } catch (error) {
    if (breaksForeignKey(error)) throw new NotFound();
    throw error;
  }
  const row = await findInvitation(tx, orgId, id);
  if (row === undefined) throw new Unexpected('an invitation was not there after its insert');
  return row;
}

/** False when it was gone already. */
export async function deleteInvitation(tx: OrgTransaction, orgId: string, id: string): Promise<boolean> {
  const sql = 'delete from invitations where org_id = $1 and id = $2 returning id';
  return (await firstRow(tx, sql, [orgId, id])) !== undefined;
}

export async function deleteExpired(tx: OrgTransaction, orgId: string): Promise<void> {
  await rows(tx, 'delete from invitations where org_id = $1 and expires_at <= now()', [orgId]);
}

/** What an invitation would give, for the boundary rule. */
export function giftOf(invitation: InvitationRow): Gift {
  const { role, permissions, project_id: projectId, environment_id: environmentId } = invitation;
  return { role, permissions: permissionsOf(role, permissions), at: { projectId, environmentId } };
}

/** Project and environment by name, as far as the invitation has them. */
export function placeOf({ project, environment }: InvitationRow): { project?: string; environment?: string } {
  return {
    ...(project === null ? {} : { project }),
    ...(environment === null ? {} : { environment }),
  };
}

/** What the trail says an invitation is. */
export function tellable(invitation: InvitationRow): Resource {
  return {
    ...placeOf(invitation),
    role: invitation.role,
    invitationId: invitation.id,
    ...(invitation.email === null ? {} : { email: invitation.email }),
  };
}
