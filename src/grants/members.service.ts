import { Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import type { Page } from '../access/answer.js';
import { after, MOST_PER_PAGE, pageOf, type PageQuery } from '../access/paging.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import { Database } from '../database/database.js';
import { rows } from '../database/transaction.js';
import { NotFound } from '../errors/errors.js';
import { recordingRefusal, requireWithin } from './boundary.js';
import {
  deleteGrants,
  giftOf,
  lockGrants,
  scopeOf,
  SELECT_GRANTS,
  tellable,
  type GrantRow,
} from './grant-rows.js';
import { MemberGrantView, type MemberView } from './grant.view.js';
import { seen, sightOf } from './seen.js';

const USERNAME = /^[a-z0-9-]{1,39}$/;

/** Members: whoever has a grant, with all grants of theirs that the reader sees. */
@Injectable()
export class MembersService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  async list(access: Access<'visible'>, query: PageQuery): Promise<Page<MemberView>> {
    const limit = query.limit ?? MOST_PER_PAGE;
    const [username] = after(query, 1) ?? [null];
    const visible = `g.org_id = $1 and ${seen('g.project_id', 'g.environment_id', 2)}`;
    const found = await this.database.forOrg(access.org.id, (tx) =>
      rows<GrantRow>(
        tx,
        `with listed as (
           select distinct u.id, u.username from grants g join users u on u.id = g.user_id
           where ${visible} and ($4::text is null or u.username > $4)
           order by u.username limit $5
         )
         ${SELECT_GRANTS}
         where ${visible} and g.user_id in (select id from listed)
         order by u.username, g.created_at, g.id`,
        [access.org.id, ...sightOf(access.rights), username, limit + 1],
      ),
    );
    return pageOf(
      membersOf(found, access.org.slug),
      limit,
      (member) => [member.user.username],
      (member) => member,
    );
  }

  /** Takes all of a user's grants, or none of them. */
  async remove(access: Access<'members:manage'>, username: string): Promise<void> {
    if (!USERNAME.test(username)) throw new NotFound();
    const remove = (): Promise<void> =>
      this.database.forOrg(access.org.id, async (tx) => {
        const rights = await lockGrants(tx, access);
        const grants = await rows<GrantRow>(
          tx,
          `${SELECT_GRANTS} where g.org_id = $1 and u.username = $2 order by g.created_at, g.id`,
          [access.org.id, username],
        );
        // Somebody whose grants all lie out of sight is nobody here.
        if (!grants.some((grant) => rights.sees(scopeOf(grant)))) throw new NotFound();
        for (const grant of grants) requireWithin(rights, 'members:manage', giftOf(grant), tellable(grant));
        await deleteGrants(tx, access.org.id, grants);
        const taken = grants.map((grant) => MemberGrantView.of(grant, access.org.slug));
        const resource = { user: username, grants: taken.map(({ role, scope }) => ({ role, scope })) };
        await this.audit.record(tx, access.org.id, allowed(access, 'member.remove', resource));
      });
    await recordingRefusal(this.audit, access, 'member.remove', remove);
  }
}

/** Grants that come ordered by user, gathered to one member each. */
function membersOf(grants: readonly GrantRow[], org: string): MemberView[] {
  const members = new Map<string, MemberView>();
  for (const grant of grants) {
    const { username, email } = grant;
    const member = members.get(username) ?? { user: { username, email }, grants: [] };
    member.grants.push(MemberGrantView.of(grant, org));
    members.set(username, member);
  }
  return [...members.values()];
}
