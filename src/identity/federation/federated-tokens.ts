import { randomUUID } from 'node:crypto';
import { firstRow, rows, type OrgTransaction } from '../../database/transaction.js';
import { makeToken } from '../../access/token-format.js';

/** A federated token with what it may do: that of its trust, as it is now. */
export type FederatedRow = Readonly<{
  trust_id: string;
  name: string;
  role: string;
  permissions: string[] | null;
  hash: Buffer;
  org: string;
  project_id: string;
  project: string;
  environment_id: string | null;
  environment: string | null;
  expires_at: Date;
  stamp: string;
}>;

/** Only while it and its trust are there: whoever deletes the trust ends its tokens. */
export function findFederatedToken(
  tx: OrgTransaction,
  orgId: string,
  id: string,
): Promise<FederatedRow | undefined> {
  return firstRow<FederatedRow>(
    tx,
    `select f.trust_id, t.name, t.role, r.permissions, f.hash, o.slug as org, t.project_id, p.slug as project,
       t.environment_id, e.name as environment, f.expires_at, m.stamp
     from federated_tokens f
     join stamps m on m.subject = f.org_id
     join trusts t on t.org_id = f.org_id and t.id = f.trust_id
     join org_slugs o on o.org_id = f.org_id
     join projects p on p.org_id = t.org_id and p.id = t.project_id
     left join environments e on e.org_id = t.org_id and e.id = t.environment_id
     left join roles r on r.org_id = t.org_id and r.name = t.custom_role
     where f.org_id = $1 and f.id = $2 and f.expires_at > now()`,
    [orgId, id],
  );
}

/** Makes a token of that trust, and sweeps those of its tokens that have ended. Null when the trust is gone by now. */
export async function insertFederatedToken(
  tx: OrgTransaction,
  orgId: string,
  trustId: string,
): Promise<Readonly<{ id: string; text: string; seconds: number }> | null> {
  const id = randomUUID();
  const token = makeToken({ kind: 'service', orgId, id });
  const trust = await firstRow<{ ttl_seconds: number }>(
    tx,
    'update trusts set last_used_at = now() where org_id = $1 and id = $2 returning ttl_seconds',
    [orgId, trustId],
  );
  if (trust === undefined) return null;
  await rows(tx, 'delete from federated_tokens where org_id = $1 and trust_id = $2 and expires_at <= now()', [
    orgId,
    trustId,
  ]);
  await rows(
    tx,
    `insert into federated_tokens (org_id, id, trust_id, hash, created_at, expires_at)
     values ($1, $2, $3, $4, now(), now() + make_interval(secs => $5))`,
    [orgId, id, trustId, token.hash, trust.ttl_seconds],
  );
  return { id, text: token.text, seconds: trust.ttl_seconds };
}
