import { DataSource } from 'typeorm';
import { Foundation1763700000000 } from '../../migrations/1763700000000-foundation.js';
import { PersonalSecrets1763700100000 } from '../../migrations/1763700100000-personal-secrets.js';
import { ChangesAndEvents1763700200000 } from '../../migrations/1763700200000-changes-and-events.js';
import { Federation1763700300000 } from '../../migrations/1763700300000-federation.js';
import { Invitations1763700400000 } from '../../migrations/1763700400000-invitations.js';
import { Stamps1763700500000 } from '../../migrations/1763700500000-stamps.js';
import { SharedFlush1763700600000 } from '../../migrations/1763700600000-shared-flush.js';
import { Acts1763700700000 } from '../../migrations/1763700700000-acts.js';
import { FormerEnvironments1763700800000 } from '../../migrations/1763700800000-former-environments.js';
import { DatabaseUnusable } from './database-unusable.js';
import { connecting, PrimaryClient } from './primary-client.js';

/** The oldest first. */
export const MIGRATIONS = [
  Foundation1763700000000,
  PersonalSecrets1763700100000,
  ChangesAndEvents1763700200000,
  Federation1763700300000,
  Invitations1763700400000,
  Stamps1763700500000,
  SharedFlush1763700600000,
  Acts1763700700000,
  FormerEnvironments1763700800000,
];

// Two nodes that start at once must not migrate at once.
const MIGRATION_LOCK = 7_263_337;

/**
 * Brings a database to this version's tables. `url` is a login that may create tables, and the role `coffer_app` where that is missing.
 * Returns what it ran, by name. Throws `DatabaseUnusable`.
 */
export async function migrate(url: string): Promise<string[]> {
  try {
    return await runMigrations(url);
  } catch (error) {
    throw DatabaseUnusable.whileMigrating(error);
  }
}

async function runMigrations(url: string): Promise<string[]> {
  const { url: plainUrl, primary } = connecting(url);
  const dataSource = await new DataSource({
    type: 'postgres',
    url: plainUrl,
    migrations: MIGRATIONS,
    synchronize: false,
    installExtensions: false,
    applicationName: 'coffer-migrate',
    connectTimeoutMS: 10_000,
    extra: { Client: PrimaryClient, primary },
    logging: false,
  }).initialize();
  const lock = dataSource.createQueryRunner();
  try {
    await lock.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const ran = await dataSource.runMigrations({ transaction: 'all' });
    return ran.map((migration) => migration.name);
  } finally {
    await lock.release();
    await dataSource.destroy();
  }
}

/** What a database at this version has run, in order. */
export const MIGRATION_NAMES: readonly string[] = MIGRATIONS.map(({ name }) => name);

/** Whether a database stands exactly where this version expects it; asked by `/readyz`. */
export const LATEST_MIGRATION = MIGRATION_NAMES.at(-1) ?? '';
