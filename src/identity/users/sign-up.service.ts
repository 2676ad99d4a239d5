import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Origin } from '../../access/caller.js';
import { Audit } from '../../audit/audit.js';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/token.js';
import { Database } from '../../database/database.js';
import { firstRow, rows, type Transaction } from '../../database/transaction.js';
import { CofferError, InvalidRequest } from '../../errors/errors.js';
import type { SessionView } from '../sessions/session.view.js';
import { Sessions } from '../sessions/sessions.js';
import { insertUser } from './accounts.js';
import { Passwords } from './passwords.js';
import type { SignUpBody } from './user.requests.js';

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
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async signUp(body: SignUpBody, origin: Origin): Promise<SessionView> {
    await this.database.shared((tx) => this.requireWelcome(tx, body));
    const id = randomUUID();
    const passwordHash = await this.passwords.hash(body.password);
    return this.database.forUser(id, async (tx) => {
      await this.requireWelcome(tx, body);
      const user = await insertUser(tx, { id, username: body.username, email: body.email, passwordHash });
      const session = await this.sessions.start(tx, user, origin);
      await this.audit.recordForUser(tx, id, {
        actor: { type: 'user', id, name: user.username },
        origin,
        action: 'user.signup',
        resource: { session: session.id },
        outcome: 'allowed',
      });
      return session.view;
    });
  }

  /** Asked before the hash is computed, which costs something, and once more in the transaction, where it counts. */
  private async requireWelcome(tx: Transaction, { invitation }: SignUpBody): Promise<void> {
    if (this.config.signup === 'closed') {
      throw new CofferError('forbidden', 'This server takes no new accounts.');
    }
    // Nobody has been invited yet: this version gives out no invitations.
    if (invitation !== undefined) {
      throw new InvalidRequest([{ field: 'invitation', error: 'is not an invitation that can be used' }]);
    }
    if (this.config.signup === 'invite' && !(await isFirst(tx))) {
      throw new CofferError('forbidden', 'This server takes new accounts by invitation only: ask for one.');
    }
  }
}

async function isFirst(tx: Transaction): Promise<boolean> {
  await rows(tx, 'select pg_advisory_xact_lock($1)', [FIRST_USER_LOCK]);
  return (await firstRow(tx, 'select 1 from users limit 1')) === undefined;
}
