import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Origin } from '../../access/caller.js';
import { Audit } from '../../audit/audit.js';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/token.js';
import { Database } from '../../database/database.js';
import { firstRow, rows, type Transaction, type UserTransaction } from '../../database/transaction.js';
import { CofferError, InvalidRequest, NotFound } from '../../errors/errors.js';
import { Acceptance, invitedBy, type Invited } from '../../grants/invitations/acceptance.js';
import type { SessionView } from '../sessions/session.view.js';
import { Sessions } from '../sessions/sessions.js';
import { insertUser, type NewUser } from './accounts.js';
import { Passwords } from './passwords.js';
import type { SignUpBody } from './user.requests.js';
import type { UserRow } from './user.view.js';

/** Held while a server that takes people by invitation looks whether somebody is there yet: only one can be the first. */
const FIRST_USER_LOCK = 7_263_338;

/** New accounts, as far as the server takes any. */
@Injectable()
export class SignUpService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly passwords: Passwords,
    private readonly sessions: Sessions,
    private readonly acceptance: Acceptance,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async signUp(body: SignUpBody, origin: Origin): Promise<SessionView> {
    const invited = await this.requireWelcome(body);
    const passwordHash = await this.passwords.hash(body.password);
    const newcomer = { id: randomUUID(), username: body.username, email: body.email, passwordHash };
    if (invited !== null) return this.join(newcomer, invited, origin);
    return this.database.forUser(newcomer.id, async (tx) => {
      await this.requireFirst(tx);
      return this.make(tx, newcomer, origin, () => Promise.resolve());
    });
  }

  /** Asked before the hash is computed, which costs something, and once more in the transaction, where it counts. */
  private async requireWelcome({ invitation, email }: SignUpBody): Promise<Invited | null> {
    if (this.config.signup === 'closed') {
      throw new CofferError('forbidden', 'This server takes no new accounts.');
    }
    if (invitation === undefined) {
      await this.database.shared((tx) => this.requireFirst(tx));
      return null;
    }
    const invited = invitedBy(invitation);
    if (invited === null || !(await this.acceptance.isOpen(invited, email))) throw notInvited();
    return invited;
  }

  /** Where people are taken by invitation, one may come without: the very first. */
  private async requireFirst(tx: Transaction): Promise<void> {
    if (this.config.signup === 'invite' && !(await isFirst(tx))) {
      throw new CofferError('forbidden', 'This server takes new accounts by invitation only: ask for one.');
    }
  }

  /** The account and what its owner was invited to: both or neither, and the invitation is used up. */
  private async join(newcomer: NewUser, invited: Invited, origin: Origin): Promise<SessionView> {
    try {
      return await this.database.forUserInOrg(newcomer.id, invited.orgId, (tx, orgTx) =>
        this.make(tx, newcomer, origin, (user) => this.acceptance.take(orgTx, invited, user, origin)),
      );
    } catch (error) {
      throw error instanceof NotFound ? notInvited() : error;
    }
  }

  /** `joined` is what else belongs to the same step. */
  private async make(
    tx: UserTransaction,
    newcomer: NewUser,
    origin: Origin,
    joined: (user: UserRow) => Promise<unknown>,
  ): Promise<SessionView> {
    const user = await insertUser(tx, newcomer);
    const session = this.sessions.start(tx, user, origin);
    await Promise.all([session.written, joined(user)]);
    await this.audit.recordForUser(tx, user.id, {
      actor: { type: 'user', id: user.id, name: user.username },
      origin,
      action: 'user.signup',
      resource: { session: session.id },
      outcome: 'allowed',
    });
    return session.view;
  }
}

function notInvited(): InvalidRequest {
  return new InvalidRequest([
    { field: 'invitation', error: 'is not an invitation that can be used with this e-mail address' },
  ]);
}

async function isFirst(tx: Transaction): Promise<boolean> {
  await rows(tx, 'select pg_advisory_xact_lock($1)', [FIRST_USER_LOCK]);
  return (await firstRow(tx, 'select 1 from users limit 1')) === undefined;
}
