import { Injectable } from '@nestjs/common';
import type { Access } from '../../access/access.js';
import type { Page } from '../../access/answer.js';
import { after, MOST_PER_PAGE, pageOf, type PageQuery } from '../../access/paging.js';
import type { Permission } from '../../access/permissions.js';
import type { Rights } from '../../access/rights.js';
import { ENVIRONMENT_NAME } from '../../access/slug.js';
import { allowed } from '../../audit/audit-event.js';
import { Audit } from '../../audit/audit.js';
import { Database } from '../../database/database.js';
import { breaksForeignKey, breaksUnique } from '../../database/postgres-errors.js';
import { firstRow, rows, type OrgTransaction } from '../../database/transaction.js';
import { AlreadyExists, Conflict, InvalidRequest, NotFound } from '../../errors/errors.js';
import { recordingRefusal, requireWithin } from '../boundary.js';
import { lockGrants } from '../grant-rows.js';
import { deleteExpired } from '../invitations/invitation-rows.js';
import type { RoleBody, RolePermissionsBody } from './role.requests.js';
import { RoleView, type RoleRow } from './role.view.js';

type Manage = Access<'org:manage'>;

/**
 * Roles that an organisation makes out of the permissions. A role can be given anywhere in the organisation, so nobody makes, changes or
 * deletes one with permissions that they do not hold in the whole of it, be it in use or not.
 */
@Injectable()
export class RolesService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  async list(access: Access<'visible'>, query: PageQuery): Promise<Page<RoleView>> {
    const limit = query.limit ?? MOST_PER_PAGE;
    const [name] = after(query, 1) ?? [null];
    const found = await this.database.forOrg(access.org.id, (tx) =>
      rows<RoleRow>(
        tx,
        `select name, permissions from roles where org_id = $1 and ($2::text is null or name > $2)
         order by name limit $3`,
        [access.org.id, name, limit + 1],
      ),
    );
    return pageOf(found, limit, (role) => [role.name], RoleView.of);
  }

  async read(access: Access<'visible'>, name: string): Promise<RoleView> {
    return RoleView.of(await this.database.forOrg(access.org.id, (tx) => find(tx, access.org.id, name)));
  }

  create(access: Manage, { name, permissions }: RoleBody): Promise<RoleView> {
    return this.changing(access, 'role.create', async (tx, rights) => {
      requireAll(rights, access, name, permissions);
      await insert(tx, access.org.id, { name, permissions });
      await this.audit.record(tx, access.org.id, allowed(access, 'role.create', { role: name, permissions }));
      return { name, permissions };
    });
  }

  update(access: Manage, name: string, body: RolePermissionsBody): Promise<RoleView> {
    if (body.name !== undefined && body.name !== name) throw renamed();
    const { permissions } = body;
    return this.changing(access, 'role.update', async (tx, rights) => {
      const { permissions: before } = RoleView.of(await find(tx, access.org.id, name));
      requireAll(rights, access, name, [...before, ...permissions]);
      await rows(tx, 'update roles set permissions = $3 where org_id = $1 and name = $2', [
        access.org.id,
        name,
        permissions,
      ]);
      const resource = { role: name, permissions, before };
      await this.audit.record(tx, access.org.id, allowed(access, 'role.update', resource));
      return { name, permissions };
    });
  }

  delete(access: Manage, name: string): Promise<void> {
    return this.changing(access, 'role.delete', async (tx, rights) => {
      const { permissions } = RoleView.of(await find(tx, access.org.id, name));
      requireAll(rights, access, name, permissions);
      await deleteExpired(tx, access.org.id);
      await remove(tx, access.org.id, name);
      await this.audit.record(tx, access.org.id, allowed(access, 'role.delete', { role: name, permissions }));
    });
  }

  /** In turn with all that gives or takes rights, and with a refusal on record. */
  private changing<T>(
    access: Manage,
    action: string,
    work: (tx: OrgTransaction, rights: Rights) => Promise<T>,
  ): Promise<T> {
    return recordingRefusal(this.audit, access, action, () =>
      this.database.forOrg(access.org.id, async (tx) => work(tx, await lockGrants(tx, access))),
    );
  }
}

function requireAll(rights: Rights, access: Manage, role: string, permissions: readonly Permission[]): void {
  const gift = { role, permissions: new Set(permissions), at: access.ids };
  requireWithin(rights, 'org:manage', gift, { role });
}

async function find(tx: OrgTransaction, orgId: string, name: string): Promise<RoleRow> {
  if (!ENVIRONMENT_NAME.test(name)) throw new NotFound();
  const role = await firstRow<RoleRow>(
    tx,
    'select name, permissions from roles where org_id = $1 and name = $2',
    [orgId, name],
  );
  if (role === undefined) throw new NotFound();
  return role;
}

async function insert(tx: OrgTransaction, orgId: string, role: RoleRow): Promise<void> {
  try {
    await rows(tx, 'insert into roles (org_id, name, permissions, created_at) values ($1, $2, $3, now())', [
      orgId,
      role.name,
      role.permissions,
    ]);
  } catch (error) {
    if (breaksUnique(error, 'roles_pkey')) throw new AlreadyExists('A role of this name');
    throw error;
  }
}

/** Foreign keys keep a role that somebody has. */
async function remove(tx: OrgTransaction, orgId: string, name: string): Promise<void> {
  try {
    await rows(tx, 'delete from roles where org_id = $1 and name = $2', [orgId, name]);
  } catch (error) {
    if (!breaksForeignKey(error)) throw error;
    throw new Conflict(
      'This role is in use: first take away the grants, tokens, trusts and open invitations that have it.',
    );
  }
}

function renamed(): InvalidRequest {
  return new InvalidRequest([
    { field: 'name', error: 'must be the name in the path: a role is not renamed' },
  ]);
}
