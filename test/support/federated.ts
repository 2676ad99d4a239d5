import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { makeToken } from '../../src/access/token-format.js';

/** A token as the exchange makes it for a workload that a trust matched, without an issuer: for specs about what such a token may do. */
export async function federatedToken(
  sql: pg.Client,
  trustId: string,
): Promise<{ id: string; token: string }> {
  const { rows } = await sql.query<{ org_id: string }>('select org_id from trusts where id = $1', [trustId]);
  const id = randomUUID();
  const { text, hash } = makeToken({ kind: 'service', orgId: rows[0]?.org_id ?? '', id });
  await sql.query(
    `insert into federated_tokens (org_id, id, trust_id, hash, created_at, expires_at)
     select org_id, $2, id, $3, now(), now() + interval '10 minutes' from trusts where id = $1`,
    [trustId, id, hash],
  );
  return { id, token: text };
}
