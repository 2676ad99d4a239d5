import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Access } from '../../access/access.js';
import type { Page } from '../../access/answer.js';
import { actorOf } from '../../access/caller.js';
import type { PageQuery } from '../../access/paging.js';
import { allowed, type Resource } from '../../audit/audit-event.js';
import { Audit } from '../../audit/audit.js';
import { Database } from '../../database/database.js';
import { breaksForeignKey } from '../../database/postgres-errors.js';
import { firstRow, rows, type OrgTransaction } from '../../database/transaction.js';
import { CofferError, NotFound, Unexpected } from '../../errors/errors.js';
import { recordingRefusal, requireWithin } from '../../grants/boundary.js';
import { lockGrants } from '../../grants/grant-rows.js';
import { findRole, permissionsOf, unknownRole } from '../../grants/rights-of.js';
import { NEWEST_FIRST, newestFirst, olderThan, sliceOf } from '../../access/newest-first.js';
import { isUuid } from '../../access/uuid.js';
import { rangeFrom } from './allowed-ips.js';
import { OUTLIVES, wouldOutlive } from './own-end.js';
import type { ServiceTokenBody } from './service-token.requests.js';
import {
  NewServiceTokenView,
  SELECT_SERVICE_TOKENS,
  ServiceTokenView,
  type ServiceTokenRow,
} from './service-token.view.js';
import { makeToken, type NewToken } from '../../access/token-format.js';

type Manage = Access<'tokens:manage'>;

const CREATE = 'service-token.create';
const DELETE = 'service-token.delete';

/** Tokens of machines: each one role in one project, or in one environment of it. Nobody makes or revokes one that holds more than they do. */
@Injectable()
export class ServiceTokensService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  /** Those of the project that lie where the caller may manage them. */
  async list(access: Manage, query: PageQuery): Promise<Page<ServiceTokenView>> {
    const slice = sliceOf(query);
    const found = await this.database.forOrg(access.org.id, (tx) =>
      rows<ServiceTokenRow>(
        tx,
        `select * from (${SELECT_SERVICE_TOKENS} where t.org_id = $1 and t.project_id = $2
           and ($3::uuid[] is null or t.environment_id = any($3))) as managed
         where ${olderThan(4)} ${NEWEST_FIRST} limit $6`,
        [
          access.org.id,
          access.project.id,
          managedEnvironments(access),
          slice.createdAt,
          slice.id,
          slice.limit + 1,
        ],
      ),
    );
    return newestFirst(found, slice, (row) => ServiceTokenView.of(row));
  }

  /** In the scope that the body names, which is the one of the proof. */
  async create(access: Manage, body: ServiceTokenBody): Promise<NewServiceTokenView> {
    await this.refuseToOutlive(access, body);
    const resource = { token: body.name, role: body.role };
    return recordingRefusal(this.audit, access, CREATE, () =>
      this.database.forOrg(access.org.id, async (tx) => {
        const rights = await lockGrants(tx, access);
        const permissions = await findRole(tx, access.org.id, body.role);
        if (permissions === null) throw unknownRole();
        const gift = { role: body.role, permissions, at: access.ids };
        requireWithin(rights, 'tokens:manage', gift, { ...access.place, ...resource });
        const id = randomUUID();
        const token = makeToken({ kind: 'service', orgId: access.org.id, id });
        const row = await insert(tx, access, body, id, token);
        await this.audit.record(tx, access.org.id, allowed(access, CREATE, { ...resource, tokenId: id }));
        return NewServiceTokenView.with(row, token.text);
      }),
    );
  }

  async delete(access: Manage, id: string): Promise<void> {
    if (!isUuid(id)) throw new NotFound();
    await recordingRefusal(this.audit, access, DELETE, () =>
      this.database.forOrg(access.org.id, async (tx) => {
        const rights = await lockGrants(tx, access);
        const row = await find(tx, access, id);
        if (row === undefined || !rights.sees(scopeOf(row))) throw new NotFound();
        const gift = {
          role: row.role,
          permissions: permissionsOf(row.role, row.permissions),
          at: scopeOf(row),
        };
        requireWithin(rights, 'tokens:manage', gift, { ...access.place, ...tellable(row) });
        await rows(tx, 'delete from service_tokens where org_id = $1 and id = $2', [access.org.id, id]);
        await this.audit.record(tx, access.org.id, allowed(access, DELETE, tellable(row)));
      }),
    );
  }

  private async refuseToOutlive(access: Manage, body: ServiceTokenBody): Promise<void> {
    const { caller, org } = access;
    if (caller.kind !== 'service') return;
    const outlives = await this.database.forOrg(org.id, (tx) => wouldOutlive(tx, caller, body.expiresAt));
    if (!outlives) return;
    const resource = { ...access.place, token: body.name, role: body.role, outlives: true };
    await this.audit.refused(caller, org.id, CREATE, resource);
    throw new CofferError('forbidden', OUTLIVES);
  }
}

/** Null means all of the project; otherwise only tokens of these environments, and none of the whole project. */
export function managedEnvironments({ rights, project }: Manage): string[] | null {
  if (rights.holds('tokens:manage', { projectId: project.id, environmentId: null })) return null;
  return rights.holdings
    .filter(({ permissions, at }) => permissions.has('tokens:manage') && at.projectId === project.id)
    .flatMap(({ at }) => (at.environmentId === null ? [] : [at.environmentId]));
}

async function insert(
  tx: OrgTransaction,
  access: Manage,
  body: ServiceTokenBody,
  id: string,
  token: NewToken,
): Promise<ServiceTokenRow> {
  const maker = actorOf(access.caller);
  try {
    await rows(
      tx,
      `insert into service_tokens (org_id, id, project_id, environment_id, name, role, hash, allowed_ips, created_at,
         created_by_type, created_by_name, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, now(), $9, $10, $11)`,
      [
        access.org.id,
        id,
        access.project.id,
        access.ids.environmentId,
        body.name,
        body.role,
        token.hash,
        body.allowedIps === undefined ? null : rangesOf(body.allowedIps),
        maker.type,
        maker.name,
        body.expiresAt ?? null,
      ],
    );
  } catch (error) {
    // The environment, the project or the role has just been deleted.
    if (breaksForeignKey(error)) throw new NotFound();
    throw error;
  }
  const row = await find(tx, access, id);
  if (row === undefined) throw new Unexpected('a token was not there after its insert');
  return row;
}

function rangesOf(texts: readonly string[]): string[] {
  return texts.map((text) => {
    const range = rangeFrom(text);
    if ('problem' in range) throw new Unexpected('a range of addresses was stored without its check');
    return range.cidr;
  });
}

function find(tx: OrgTransaction, access: Manage, id: string): Promise<ServiceTokenRow | undefined> {
  const sql = `${SELECT_SERVICE_TOKENS} where t.org_id = $1 and t.project_id = $2 and t.id = $3`;
  return firstRow<ServiceTokenRow>(tx, sql, [access.org.id, access.project.id, id]);
}

function scopeOf(row: ServiceTokenRow): { projectId: string; environmentId: string | null } {
  return { projectId: row.project_id, environmentId: row.environment_id };
}

function tellable(row: ServiceTokenRow): Resource {
  const environment = row.environment === null ? {} : { environment: row.environment };
  return { ...environment, token: row.name, role: row.role, tokenId: row.id };
}
