import { reasonOf, sqlStateOf } from './postgres-errors.js';

const INSUFFICIENT_PRIVILEGE = '42501';
const NO_SUCH_ROLE = '22023';

/** A database that the service cannot start with: why, and what to do about it. */
export class DatabaseUnusable extends Error {
  override readonly name = 'DatabaseUnusable';

  static whileMigrating(error: unknown): Error {
    if (sqlStateOf(error) !== INSUFFICIENT_PRIVILEGE) return DatabaseUnusable.because(error);
    return new DatabaseUnusable(
      `The login that migrates may not do all that is needed: ${reasonOf(error)}. It must own the database, and the role coffer_app must exist, or the login be allowed to create it (CREATEROLE). Where another login does that, name it in COFFER_MIGRATION_DATABASE_URL; or let an administrator of the server run: create role coffer_app nologin; grant coffer_app to <the login that serves>;`,
      { cause: error },
    );
  }

  static whileOpening(error: unknown): Error {
    const code = sqlStateOf(error);
    if (code !== INSUFFICIENT_PRIVILEGE && code !== NO_SUCH_ROLE) return DatabaseUnusable.because(error);
    return new DatabaseUnusable(
      `The login that serves cannot work as the role coffer_app: ${reasonOf(error)}. Let an administrator of the server run: grant coffer_app to <that login>;`,
      { cause: error },
    );
  }

  static withoutOwner(error: unknown): Error {
    return new DatabaseUnusable(
      'This login does not own the tables, so it cannot be sure to see every row. Name the one that does in COFFER_MIGRATION_DATABASE_URL.',
      { cause: error },
    );
  }

  static hidesRows(table: string): Error {
    return new DatabaseUnusable(
      `Row-level security may hide rows of the table ${table} from this login. Use a superuser's, or one with BYPASSRLS, in COFFER_MIGRATION_DATABASE_URL.`,
    );
  }

  /** Errors of PostgreSQL and of the network name logins, databases and addresses, never a password. */
  private static because(error: unknown): Error {
    return new DatabaseUnusable(`The database cannot be used: ${reasonOf(error)}.`, { cause: error });
  }
}
