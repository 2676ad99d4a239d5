import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Access } from '../../access/access.js';
import type { Page } from '../../access/answer.js';
import { actorOf } from '../../access/caller.js';
import { NEWEST_FIRST, newestFirst, olderThan, sliceOf } from '../../access/newest-first.js';
import type { PageQuery } from '../../access/paging.js';
import type { Rights } from '../../access/rights.js';
import { makeToken } from '../../access/token-format.js';
import { isUuid } from '../../access/uuid.js';
import { allowed } from '../../audit/audit-event.js';
import { Audit } from '../../audit/audit.js';
import { Database } from '../../database/database.js';
import { rows, type OrgTransaction } from '../../database/transaction.js';
import { NotFound } from '../../errors/errors.js';
import { recordingRefusal, requireWithin } from '../boundary.js';
import { lockGrants } from '../grant-rows.js';
import { findRole, unknownRole } from '../rights-of.js';
import { seen, sightOf } from '../seen.js';
import {
  deleteExpired,
  deleteInvitation,
  findInvitation,
  giftOf,
  insertInvitation,
  SELECT_INVITATIONS,
  tellable,
  type InvitationRow,
} from './invitation-rows.js';
import type { InvitationBody } from './invitation.requests.js';
import { InvitationView, NewInvitationView } from './invitation.view.js';

type Manage = Access<'members:manage'>;

/** Roles on offer: each to be taken once, by whoever has the token, until it ends. Nobody offers or takes back more than they hold. */
@Injectable()
export class InvitationsService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  async list(access: Manage, query: PageQuery): Promise<Page<InvitationView>> {
    const slice = sliceOf(query);
    const found = await this.database.forOrg(access.org.id, (tx) =>
      rows<InvitationRow>(
        tx,
        `select * from (${SELECT_INVITATIONS} where i.org_id = $1 and i.expires_at > now()
           and ${seen('i.project_id', 'i.environment_id', 2)}) as open
         where ${olderThan(4)} ${NEWEST_FIRST} limit $6`,
        [access.org.id, ...sightOf(access.rights), slice.createdAt, slice.id, slice.limit + 1],
      ),
    );
    return newestFirst(found, slice, (row) => InvitationView.of(row));
  }

  /** In the scope that the body names, which is the one of the proof. */
  create(access: Manage, { role, email, expiresAt }: InvitationBody): Promise<NewInvitationView> {
    return this.inTurn(access, 'invitation.create', async (tx, rights) => {
      const permissions = await findRole(tx, access.org.id, role);
      if (permissions === null) throw unknownRole();
      const gift = { role, permissions, at: access.ids };
      requireWithin(rights, 'members:manage', gift, { ...access.place, role });
      await deleteExpired(tx, access.org.id);
      const id = randomUUID();
      const { text, hash } = makeToken({ kind: 'invitation', orgId: access.org.id, id });
      const by = actorOf(access.caller);
      const offered = { id, role, at: access.ids, email, expiresAt, hash, by };
      const invitation = await insertInvitation(tx, access.org.id, offered);
      const resource = tellable(invitation);
      await this.audit.record(tx, access.org.id, allowed(access, 'invitation.create', resource));
      return NewInvitationView.with(invitation, text);
    });
  }

  async revoke(access: Manage, id: string): Promise<void> {
    if (!isUuid(id)) throw new NotFound();
    await this.inTurn(access, 'invitation.revoke', async (tx, rights) => {
      const invitation = await findInvitation(tx, access.org.id, id);
      if (invitation === undefined || !rights.sees(giftOf(invitation).at)) throw new NotFound();
      requireWithin(rights, 'members:manage', giftOf(invitation), tellable(invitation));
      await deleteInvitation(tx, access.org.id, id);
      const resource = tellable(invitation);
      await this.audit.record(tx, access.org.id, allowed(access, 'invitation.revoke', resource));
    });
  }

  private inTurn<T>(
    access: Manage,
    action: string,
    work: (tx: OrgTransaction, rights: Rights) => Promise<T>,
  ): Promise<T> {
    return recordingRefusal(this.audit, access, action, () =>
      this.database.forOrg(access.org.id, async (tx) => work(tx, await lockGrants(tx, access))),
    );
  }
}
