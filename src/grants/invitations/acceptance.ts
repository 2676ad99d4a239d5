import { Injectable } from '@nestjs/common';
import type { Access } from '../../access/access.js';
import type { Origin, User } from '../../access/caller.js';
import { isSameAddress } from '../../access/email-address.js';
import { isHashOf, readToken } from '../../access/token-format.js';
import { Audit } from '../../audit/audit.js';
import { Database } from '../../database/database.js';
import type { OrgTransaction } from '../../database/transaction.js';
import { NotFound } from '../../errors/errors.js';
import { isWithin } from '../boundary.js';
import { insertGrant, waitForTurn } from '../grant-rows.js';
import { presentRights } from '../rights-of.js';
import { deleteInvitation, findInvitation, giftOf, tellable, type InvitationRow } from './invitation-rows.js';
import { AcceptedView } from './invitation.view.js';

/** Which invitation a token names: nobody has looked yet whether there is one. */
export type Invited = Readonly<{ orgId: string; id: string; token: string }>;

/** Null when nobody can have been given such a token. */
export function invitedBy(token: string): Invited | null {
  const name = readToken(token);
  return name?.kind === 'invitation' ? { orgId: name.orgId, id: name.id, token } : null;
}

/**
 * Invitations are accepted here, by people who have an account and by those who just sign up. Each makes exactly one grant. Who made it
 * must still be able to give that: an invitation is worth what its maker holds at the moment it is accepted.
 */
@Injectable()
export class Acceptance {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  accept(access: Access<'user'>, token: string): Promise<AcceptedView> {
    const invited = invitedBy(token);
    if (invited === null) throw new NotFound();
    return this.database.forOrg(invited.orgId, (tx) => this.take(tx, invited, access.user, access.origin));
  }

  /** Whether somebody with this e-mail address could accept it, as far as can be told without waiting. */
  async isOpen(invited: Invited, email: string): Promise<boolean> {
    const found = await this.database.forOrg(invited.orgId, (tx) => find(tx, invited, email));
    return found !== null;
  }

  /** In the transaction of whatever makes the user. Whoever cannot accept it gets `NotFound`, whatever the reason. */
  async take(tx: OrgTransaction, invited: Invited, user: User, origin: Origin): Promise<AcceptedView> {
    // A guess must not keep anybody waiting, so it ends before there is a lock.
    if ((await find(tx, invited, user.email)) === null) throw new NotFound();
    await waitForTurn(tx, invited.orgId);
    const invitation = await find(tx, invited, user.email);
    if (invitation === null || !(await isStillWorth(tx, invited.orgId, invitation))) throw new NotFound();
    await deleteInvitation(tx, invited.orgId, invitation.id);
    const { role, at } = giftOf(invitation);
    await insertGrant(tx, invited.orgId, { userId: user.id, role, at });
    await this.audit.record(tx, invited.orgId, {
      actor: { type: 'user', id: user.id, name: user.username },
      origin,
      action: 'invitation.accept',
      resource: { ...tellable(invitation), user: user.username, invitedBy: invitation.created_by_name },
      outcome: 'allowed',
    });
    return AcceptedView.of(invitation);
  }
}

async function find(tx: OrgTransaction, invited: Invited, email: string): Promise<InvitationRow | null> {
  const invitation = await findInvitation(tx, invited.orgId, invited.id);
  if (invitation === undefined || !isHashOf(invitation.hash, invited.token)) return null;
  return invitation.email === null || isSameAddress(invitation.email, email) ? invitation : null;
}

async function isStillWorth(tx: OrgTransaction, orgId: string, invitation: InvitationRow): Promise<boolean> {
  const maker = { type: invitation.created_by_type, id: invitation.created_by_id };
  const rights = await presentRights(tx, maker, { id: orgId, slug: invitation.org });
  return isWithin(rights, 'members:manage', giftOf(invitation));
}
