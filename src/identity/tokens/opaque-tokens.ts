import { Injectable } from '@nestjs/common';
import { isWithinAny } from '../../access/address.js';
import type { Basis } from '../../access/basis.js';
import type { Caller, Origin, ServiceCaller, UserCaller } from '../../access/caller.js';
import { Rights } from '../../access/rights.js';
import { Database } from '../../database/database.js';
import { firstRow, prepared, rows, type OrgTransaction } from '../../database/transaction.js';
import { Unauthorized } from '../../errors/errors.js';
import { permissionsOf } from '../../grants/rights-of.js';
import { findFederatedToken } from '../federation/federated-tokens.js';
import { staleUse } from './last-use.js';
import { hasTokenPrefix, isHashOf, readToken, type TokenName } from '../../access/token-format.js';

type PersonalRow = Readonly<{
  hash: Buffer;
  user_id: string;
  username: string;
  email: string;
  expires_at: Date | null;
  stamp: string;
  stale: boolean;
}>;

type ServiceRow = Readonly<{
  name: string;
  role: string;
  permissions: string[] | null;
  hash: Buffer;
  allowed_ips: string[] | null;
  org: string;
  project_id: string;
  project: string;
  environment_id: string | null;
  environment: string | null;
  expires_at: Date | null;
  stamp: string;
  stale: boolean;
}>;

/** Opaque token → who asks, out of the database at every request: a token that was revoked, or has expired, is refused at once. */
@Injectable()
export class OpaqueTokens {
  constructor(private readonly database: Database) {}

  static looksLikeOne(credential: string): boolean {
    return hasTokenPrefix(credential);
  }

  /** Throws `Unauthorized` for whatever is wrong: malformed, unknown, revoked, expired, of another kind, from another address. */
  async callerOf(credential: string, origin: Origin): Promise<Caller> {
    const name = readToken(credential);
    if (name === null) throw new Unauthorized('a malformed token');
    if (name.kind === 'refresh' || name.kind === 'invitation') {
      throw new Unauthorized(`a token of this kind is no credential: ${name.kind}`);
    }
    return name.kind === 'personal'
      ? this.userOf(name.id, credential, origin)
      : this.serviceOf(name, credential, origin);
  }

  private async userOf(id: string, credential: string, origin: Origin): Promise<UserCaller> {
    const row = await this.database.shared(async (tx) => {
      const found = await firstRow<PersonalRow>(tx, SELECT_PERSONAL_TOKEN, [id]);
      if (found === undefined || !isHashOf(found.hash, credential)) return null;
      if (found.stale) {
        await rows(
          tx,
          `update personal_tokens t set last_used_at = now() where t.id = $1 and ${staleUse('t')}`,
          [id],
        );
      }
      return found;
    });
    if (row === null) throw new Unauthorized('no such personal token');
    const user = { id: row.user_id, username: row.username, email: row.email };
    return {
      kind: 'user',
      user,
      by: { kind: 'personal-token', id },
      origin,
      basis: basisOf(row.user_id, row),
    };
  }

  private async serviceOf(
    { orgId, id }: TokenName & { kind: 'service' },
    credential: string,
    origin: Origin,
  ): Promise<ServiceCaller> {
    const caller = await this.database.forOrg(orgId, async (tx) => {
      const found = await firstRow<ServiceRow>(tx, SELECT_SERVICE_TOKEN, [orgId, id]);
      if (found === undefined) return federatedCaller(tx, { orgId, id }, credential, origin);
      if (!isHashOf(found.hash, credential)) return null;
      if (found.allowed_ips !== null && !isWithinAny(origin.ip, found.allowed_ips)) return null;
      if (found.stale) {
        await rows(
          tx,
          `update service_tokens t set last_used_at = now() where t.org_id = $1 and t.id = $2 and ${staleUse('t')}`,
          [orgId, id],
        );
      }
      return serviceCaller(orgId, id, found, origin);
    });
    if (caller === null) throw new Unauthorized('no such service token, or not from this address');
    return caller;
  }
}

/** A token that was given for another issuer's: it acts as its trust. */
async function federatedCaller(
  tx: OrgTransaction,
  name: Readonly<{ orgId: string; id: string }>,
  credential: string,
  origin: Origin,
): Promise<ServiceCaller | null> {
  const found = await findFederatedToken(tx, name.orgId, name.id);
  if (found === undefined || !isHashOf(found.hash, credential)) return null;
  return { ...serviceCaller(name.orgId, found.trust_id, found, origin), federated: { tokenId: name.id } };
}

type Bearer = Omit<ServiceRow, 'hash' | 'allowed_ips' | 'stale'>;

function serviceCaller(orgId: string, id: string, row: Bearer, origin: Origin): ServiceCaller {
  const holding = {
    permissions: permissionsOf(row.role, row.permissions),
    at: { projectId: row.project_id, environmentId: row.environment_id },
    owner: row.role === 'owner',
    because: `service token ${row.name}`,
  };
  return {
    kind: 'service',
    token: { id, name: row.name, role: row.role, projectSlug: row.project, environmentName: row.environment },
    org: { id: orgId, slug: row.org },
    rights: new Rights([holding]),
    origin,
    basis: basisOf(orgId, row),
  };
}

function basisOf(
  subject: string,
  { stamp, expires_at: end }: Readonly<{ stamp: string; expires_at: Date | null }>,
): Basis {
  return { stamps: [{ subject, stamp }], until: end?.getTime() ?? Infinity };
}

const SELECT_PERSONAL_TOKEN = prepared(`
  select t.hash, t.user_id, u.username, u.email, t.expires_at, s.stamp, ${staleUse('t')} as stale
  from personal_tokens t join users u on u.id = t.user_id join stamps s on s.subject = t.user_id
  where t.id = $1 and (t.expires_at is null or t.expires_at > now())`);

const SELECT_SERVICE_TOKEN = prepared(`
  select t.name, t.role, r.permissions, t.hash, t.allowed_ips, o.slug as org, t.project_id, p.slug as project,
    t.environment_id, e.name as environment, t.expires_at, m.stamp, ${staleUse('t')} as stale
  from service_tokens t
  join org_slugs o on o.org_id = t.org_id
  join stamps m on m.subject = t.org_id
  join projects p on p.org_id = t.org_id and p.id = t.project_id
  left join environments e on e.org_id = t.org_id and e.id = t.environment_id
  left join roles r on r.org_id = t.org_id and r.name = t.custom_role
  where t.org_id = $1 and t.id = $2 and (t.expires_at is null or t.expires_at > now())`);
