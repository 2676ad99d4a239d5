import { Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import type { Page } from '../access/answer.js';
import { after, MOST_PER_PAGE, pageOf, type PageQuery } from '../access/paging.js';
import { isUuid } from '../access/uuid.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import { Database } from '../database/database.js';
import { firstRow, rows, type OrgTransaction } from '../database/transaction.js';
import { InvalidRequest, NotFound } from '../errors/errors.js';
import { recordingRefusal, requireWithin } from './boundary.js';
import {
  deleteGrants,
  findGrant,
  giftOf,
  insertGrant,
  lockGrants,
  scopeOf,
  SELECT_GRANTS,
  tellable,
  type GrantRow,
} from './grant-rows.js';
import type { GrantBody } from './grant.requests.js';
import { GrantView } from './grant.view.js';
import { findRole, UNKNOWN_ROLE } from './rights-of.js';
import { seen, sightOf } from './seen.js';

/** Grants: listed, given and taken. Nobody gives or takes more than they hold themselves. */
@Injectable()
export class GrantsService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  async list(access: Access<'members:manage'>, query: PageQuery): Promise<Page<GrantView>> {
    const limit = query.limit ?? MOST_PER_PAGE;
    const [username, id] = after(query, 2) ?? [null, null];
    const found = await this.database.forOrg(access.org.id, (tx) =>
      rows<GrantRow>(
        tx,
        `${SELECT_GRANTS}
         where g.org_id = $1 and ${seen('g.project_id', 'g.environment_id', 2)}
           and ($4::text is null or (u.username, g.id::text) > ($4, $5))
         order by u.username, g.id::text limit $6`,
        [access.org.id, ...sightOf(access.rights), username, id, limit + 1],
      ),
    );
    return pageOf(
      found,
      limit,
      (grant) => [grant.username, grant.id],
      (grant) => GrantView.of(grant, access.org.slug),
    );
  }

  give(access: Access<'members:manage'>, body: GrantBody): Promise<GrantView> {
    return this.recordingRefusal(access, 'grant.give', async (tx) => {
      const rights = await lockGrants(tx, access);
      const permissions = await findRole(tx, access.org.id, body.role);
      const user = await findUser(tx, body.user);
      if (permissions !== null) {
        const resource = {
          ...access.place,
          role: body.role,
          ...(user === null ? {} : { user: user.username }),
        };
        requireWithin(rights, 'members:manage', { role: body.role, permissions, at: access.ids }, resource);
      }
      if (user === null || permissions === null) throw unknownNames(user !== null, permissions !== null);
      const grant = await insertGrant(tx, access.org.id, {
        userId: user.id,
        role: body.role,
        at: access.ids,
      });
      await this.audit.record(tx, access.org.id, allowed(access, 'grant.give', tellable(grant)));
      return GrantView.of(grant, access.org.slug);
    });
  }

  async take(access: Access<'members:manage'>, id: string): Promise<void> {
    if (!isUuid(id)) throw new NotFound();
    await this.recordingRefusal(access, 'grant.take', async (tx) => {
      const rights = await lockGrants(tx, access);
      const grant = await findGrant(tx, access.org.id, id);
      if (grant === undefined || !rights.sees(scopeOf(grant))) throw new NotFound();
      requireWithin(rights, 'members:manage', giftOf(grant), tellable(grant));
      await deleteGrants(tx, access.org.id, [grant]);
      await this.audit.record(tx, access.org.id, allowed(access, 'grant.take', tellable(grant)));
    });
  }

  private recordingRefusal<T>(
    access: Access<'members:manage'>,
    action: string,
    work: (tx: OrgTransaction) => Promise<T>,
  ): Promise<T> {
    return recordingRefusal(this.audit, access, action, () => this.database.forOrg(access.org.id, work));
  }
}

/** By username or e-mail address, both of which are compared in lower case. */
async function findUser(tx: OrgTransaction, name: string): Promise<{ id: string; username: string } | null> {
  const column = name.includes('@') ? 'email_key' : 'username';
  const user = await firstRow<{ id: string; username: string }>(
    tx,
    `select id, username from users where ${column} = $1`,
    [name.toLowerCase()],
  );
  return user ?? null;
}

function unknownNames(userIsKnown: boolean, roleIsKnown: boolean): InvalidRequest {
  return new InvalidRequest([
    ...(userIsKnown ? [] : [{ field: 'user', error: 'is nobody who has signed up here' }]),
    ...(roleIsKnown ? [] : [UNKNOWN_ROLE]),
  ]);
}
