import type { ScopeIds } from '../../access/scope.js';
import type { Resource } from '../../audit/audit-event.js';
import { firstRow, type OrgTransaction } from '../../database/transaction.js';
import type { TrustedClaims } from './claims.js';

/** Statements about trusts that more than one story needs. */

/** A trust as the database has it, with the names of its scope. `permissions` are a custom role's. */
export type TrustRow = Readonly<{
  id: string;
  name: string;
  issuer: string;
  audience: string;
  claims: TrustedClaims;
  role: string;
  permissions: string[] | null;
  project_id: string;
  project: string;
  environment_id: string | null;
  environment: string | null;
  ttl_seconds: number;
  created_at: Date;
  created_by_type: string;
  created_by_name: string;
  last_used_at: Date | null;
}>;

/** A `TrustRow` for each trust, whose table is `t` and whose project is `p`. */
export const SELECT_TRUSTS = `
  select t.id, t.name, t.issuer, t.audience, t.claims, t.role, r.permissions, t.project_id, p.slug as project,
    t.environment_id, e.name as environment, t.ttl_seconds, t.created_at, t.created_by_type, t.created_by_name, t.last_used_at
  from trusts t
  join projects p on p.org_id = t.org_id and p.id = t.project_id
  left join environments e on e.org_id = t.org_id and e.id = t.environment_id
  left join roles r on r.org_id = t.org_id and r.name = t.custom_role`;

export function findTrust(
  tx: OrgTransaction,
  orgId: string,
  projectId: string,
  id: string,
): Promise<TrustRow | undefined> {
  const sql = `${SELECT_TRUSTS} where t.org_id = $1 and t.project_id = $2 and t.id = $3`;
  return firstRow<TrustRow>(tx, sql, [orgId, projectId, id]);
}

export function scopeOf(trust: TrustRow): ScopeIds {
  return { projectId: trust.project_id, environmentId: trust.environment_id };
}

/** What the trail says a trust is. */
export function tellable(trust: TrustRow): Resource {
  const environment = trust.environment === null ? {} : { environment: trust.environment };
  return { project: trust.project, ...environment, trust: trust.name, role: trust.role, trustId: trust.id };
}
