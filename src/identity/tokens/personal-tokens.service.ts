import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Access } from '../../access/access.js';
import type { Page } from '../../access/answer.js';
import type { PageQuery } from '../../access/paging.js';
import { allowed } from '../../audit/audit-event.js';
import { Audit } from '../../audit/audit.js';
import { Database } from '../../database/database.js';
import { firstRow, rows, type UserTransaction } from '../../database/transaction.js';
import { CofferError, NotFound, Unexpected } from '../../errors/errors.js';
import { NEWEST_FIRST, newestFirst, olderThan, sliceOf } from '../../access/newest-first.js';
import { isUuid } from '../../access/uuid.js';
import { OUTLIVES, wouldOutlive } from './own-end.js';
import {
  NewPersonalTokenView,
  PERSONAL_TOKEN_COLUMNS,
  PersonalTokenView,
  type PersonalTokenRow,
} from './personal-token.view.js';
import type { TokenFields } from './token-fields.js';
import { makeToken } from '../../access/token-format.js';

const CREATE = 'personal-token.create';

/** Personal access tokens: each acts as its user until it expires or is deleted. */
@Injectable()
export class PersonalTokensService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  async list(access: Access<'user'>, query: PageQuery): Promise<Page<PersonalTokenView>> {
    const slice = sliceOf(query);
    const found = await this.database.shared((tx) =>
      rows<PersonalTokenRow>(
        tx,
        `select ${PERSONAL_TOKEN_COLUMNS} from personal_tokens
         where user_id = $1 and ${olderThan(2)} ${NEWEST_FIRST} limit $4`,
        [access.user.id, slice.createdAt, slice.id, slice.limit + 1],
      ),
    );
    return newestFirst(found, slice, (row) => PersonalTokenView.of(row));
  }

  async create(access: Access<'user'>, body: TokenFields): Promise<NewPersonalTokenView> {
    const made = await this.database.forUser(access.user.id, async (tx) => {
      if (await wouldOutlive(tx, access.caller, body.expiresAt)) return null;
      return this.insert(tx, access, body);
    });
    if (made !== null) return made;
    await this.audit.refused(access.caller, null, CREATE, { token: body.name, outlives: true });
    throw new CofferError('forbidden', OUTLIVES);
  }

  private async insert(
    tx: UserTransaction,
    access: Access<'user'>,
    body: TokenFields,
  ): Promise<NewPersonalTokenView> {
    const { user } = access;
    const id = randomUUID();
    const token = makeToken({ kind: 'personal', id });
    const row = await firstRow<PersonalTokenRow>(
      tx,
      `insert into personal_tokens (id, user_id, name, hash, created_at, expires_at) values ($1, $2, $3, $4, now(), $5)
       returning ${PERSONAL_TOKEN_COLUMNS}`,
      [id, user.id, body.name, token.hash, body.expiresAt ?? null],
    );
    if (row === undefined) throw new Unexpected('an insert returned nothing');
    await this.audit.recordForUser(tx, user.id, allowed(access, CREATE, { tokenId: id, token: row.name }));
    return NewPersonalTokenView.of(row, token.text);
  }

  async delete(access: Access<'user'>, id: string): Promise<void> {
    if (!isUuid(id)) throw new NotFound();
    const { user } = access;
    await this.database.forUser(user.id, async (tx) => {
      const deleted = await firstRow<{ name: string }>(
        tx,
        'delete from personal_tokens where id = $1 and user_id = $2 returning name',
        [id, user.id],
      );
      if (deleted === undefined) throw new NotFound();
      const resource = { tokenId: id, token: deleted.name };
      await this.audit.recordForUser(tx, user.id, allowed(access, 'personal-token.delete', resource));
    });
  }
}
