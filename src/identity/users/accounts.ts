import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ServiceKeys } from '../../crypto/service-keys.js';
import { breaksUnique } from '../../database/postgres-errors.js';
import { firstRow, prepared, type Prepared, type Transaction } from '../../database/transaction.js';
import { AlreadyExists, Unexpected } from '../../errors/errors.js';
import { lockedFor } from '../sessions/login-failures.js';
import { foldName } from './names.js';
import { USER_COLUMNS, type UserRow } from './user.view.js';

/** Whom somebody wants to log in as. */
export type Account = Readonly<{
  /** Under which failures count: the same for every spelling of one account. */
  key: string;
  /** Seconds for which nobody learns whether a password is right, or null. */
  lockedFor: number | null;
  /** Null when there is no such account, which nobody is to notice. */
  user: (UserRow & Readonly<{ password_hash: string }>) | null;
}>;

type FoundAccount = Readonly<{ key: string; locked_for: number | null }> &
  (NonNullable<Account['user']> | Readonly<{ id: null }>);

const FIND_BY_EMAIL = accountBy('email_key');
const FIND_BY_USERNAME = accountBy('username');

function accountBy(column: 'email_key' | 'username'): Prepared {
  return prepared(`
    select ${USER_COLUMNS}, u.password_hash, k.key, ${lockedFor('k.key')} as locked_for
    from (select $1::text as name) asked left join users u on u.${column} = asked.name,
      lateral (select coalesce('user:' || u.id, $2) as key) k`);
}

/** The rows of `users`, found and made. */
@Injectable()
export class Accounts {
  private readonly failureKey: Buffer;

  constructor(keys: ServiceKeys) {
    this.failureKey = keys.derive('login-failures');
  }

  /** By username or e-mail address, in any case; one statement, and the same one whether there is such an account or not. */
  async find(tx: Transaction, login: string): Promise<Account> {
    const name = foldName(login);
    const statement = name.includes('@') ? FIND_BY_EMAIL : FIND_BY_USERNAME;
    const found = await firstRow<FoundAccount>(tx, statement, [name, this.unknown(name)]);
    if (found === undefined) throw new Unexpected('a statement that always finds one row found none');
    const { key, locked_for: locked, ...user } = found;
    return { key, lockedFor: locked, user: user.id === null ? null : user };
  }

  /** People type their password in the wrong field: what no account is called is kept as a keyed digest only. */
  private unknown(name: string): string {
    return `unknown:${createHmac('sha256', this.failureKey).update(name, 'utf8').digest('hex')}`;
  }
}

export function accountKey(userId: string): string {
  return `user:${userId}`;
}

export async function findUser(tx: Transaction, id: string): Promise<UserRow> {
  const user = await firstRow<UserRow>(tx, `select ${USER_COLUMNS} from users u where u.id = $1`, [id]);
  if (user === undefined) throw new Unexpected('a user who was just authenticated is gone');
  return user;
}

/** Somebody who is about to have an account. */
export type NewUser = Readonly<{ id: string; username: string; email: string; passwordHash: string }>;

/** Of parallel sign-ups of one name the unique constraints let one through. Which of the two names is taken is not told. */
export async function insertUser(tx: Transaction, user: NewUser): Promise<UserRow> {
  try {
    const row = await firstRow<UserRow>(
      tx,
      `insert into users as u (id, username, email, email_key, password_hash, created_at) values ($1, $2, $3, $4, $5, now())
       returning ${USER_COLUMNS}`,
      [user.id, user.username, user.email, foldName(user.email), user.passwordHash],
    );
    if (row === undefined) throw new Unexpected('an insert returned nothing');
    return row;
  } catch (error) {
    if (breaksUnique(error, 'users_username_key') || breaksUnique(error, 'users_email_key')) {
      throw new AlreadyExists('An account with this username or this e-mail address');
    }
    throw error;
  }
}
