import type { LoggerService } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DatabaseUnusable } from './database/database-unusable.js';
import { connecting, PrimaryClient } from './database/primary-client.js';

/** A login that serves needs no more than this many connections for each process. */
const POOL_SIZE = 20;

const OPTIONS =
  '-c role=coffer_app -c lock_timeout=5000 -c statement_timeout=8000 -c idle_in_transaction_session_timeout=15000';

/**
 * The pool that the service works through. Every connection opens as `coffer_app`, which owns nothing and is subject to every policy:
 * the role is a start-up option, so that even `RESET ROLE` leads back to it.
 */
export function serviceDataSource(url: string, log: LoggerService): DataSource {
  const { url: urlOfOne, primary } = connecting(url, (host) => {
    log.warn({ message: 'The database is on another host now.', host }, 'database');
  });
  const [plainUrl, ownOptions] = withoutOptions(urlOfOne);
  return new DataSource({
    type: 'postgres',
    url: plainUrl,
    synchronize: false,
    installExtensions: false,
    applicationName: 'coffer',
    poolSize: POOL_SIZE,
    connectTimeoutMS: 2_000 + primary.searchMs,
    extra: {
      Client: PrimaryClient,
      primary,
      // PostgreSQL obeys the last of two: the ones that are ours.
      options: `${ownOptions} ${OPTIONS}`.trim(),
      keepAlive: true,
      // Statements that do not wait for each other's answers are sent together.
      pipeline: true,
    },
    logging: false,
    // An idle connection that the server ends is replaced at the next use.
    poolErrorHandler: (error: unknown) => {
      log.warn({ message: 'An idle database connection was lost.', cause: String(error) }, 'database');
    },
  });
}

/**
 * Opens the pool and makes sure that it really works as that role: a pooler on the way may drop start-up options without a word.
 * Throws `DatabaseUnusable`.
 */
export async function openServicePool(url: string, log: LoggerService): Promise<DataSource> {
  const dataSource = serviceDataSource(url, log);
  try {
    await dataSource.initialize();
  } catch (error) {
    throw DatabaseUnusable.whileOpening(error);
  }
  try {
    await requireAppRole(dataSource);
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
  return dataSource;
}

async function requireAppRole(dataSource: DataSource): Promise<void> {
  const found = await dataSource.query<{ role: string; unbound: boolean }[]>(
    'select rolname as role, rolsuper or rolbypassrls as unbound from pg_roles where rolname = current_user',
  );
  const [{ role, unbound } = { role: 'nobody', unbound: true }] = found;
  if (role === 'coffer_app' && !unbound) return;
  throw new DatabaseUnusable(
    role === 'coffer_app'
      ? 'The role coffer_app is not bound by row-level security. Let an administrator of the server run: alter role coffer_app nosuperuser nobypassrls;'
      : `Connections work as ${role} and not as coffer_app: whatever stands between the service and its database drops the option "role". Connect to PostgreSQL directly, or through a pooler that keeps start-up options.`,
  );
}

/** The start-up options that an URL carries, such as a hosting service's, are taken out of it: the driver would let them replace ours. */
function withoutOptions(url: string): [url: string, options: string] {
  const [address = '', query] = url.split('?', 2);
  if (query === undefined) return [url, ''];
  const parameters = new URLSearchParams(query);
  const options = parameters.getAll('options').join(' ');
  parameters.delete('options');
  return [parameters.size === 0 ? address : `${address}?${parameters.toString()}`, options];
}
