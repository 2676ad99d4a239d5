import { config as readSettings, type Config } from '../../config/config.js';
import { hasEmbeddedPostgres, joinEmbeddedPostgres } from '../../database/embedded/beside.js';
import { MIGRATION_NAMES } from '../../database/migrate.js';
import { OwnerConnection } from '../../database/owner-connection.js';
import { EXIT, Failure } from '../failure.js';
import { failureOf } from './failure-of.js';

// `coffer admin`: on the server's machine, on its database, by the service's own settings. The embedded database is the one that the
// running service serves, or is started for the time of the command.

/** The database that the settings name, for as long as a command works on it. */
export type Site = Readonly<{
  config: Config;
  /** The login that serves. */
  url: string;
  /** The login that owns the tables; often the same. */
  migrationUrl: string;
}>;

export function settings(): Config {
  try {
    return readSettings();
  } catch (error) {
    throw failureOf(error);
  }
}

/** `missing` says whether an embedded database that is not there yet is made. Everything that goes wrong comes out as a `Failure`. */
export async function atSite<T>(missing: 'made' | 'refused', work: (site: Site) => Promise<T>): Promise<T> {
  try {
    const config = settings();
    if (config.database !== null) return await work({ config, ...config.database });
    if (missing === 'refused' && !(await hasEmbeddedPostgres(config.dataDir))) throw noDatabase(config);
    const embedded = await joinEmbeddedPostgres(config.dataDir);
    try {
      return await work({ config, url: embedded.url, migrationUrl: embedded.url });
    } finally {
      await embedded.stop();
    }
  } catch (error) {
    throw failureOf(error);
  }
}

/** A connection of the login that owns the tables. */
export async function asOwner<T>(site: Site, work: (owner: OwnerConnection) => Promise<T>): Promise<T> {
  const owner = await OwnerConnection.open(site.migrationUrl);
  try {
    return await work(owner);
  } finally {
    await owner.close();
  }
}

/** What the database has run, or null when it has no tables of ours. */
export async function migrationsIn(owner: OwnerConnection): Promise<string[] | null> {
  const [found] = await owner.rows<{ there: boolean }>(
    `select to_regclass('public.migrations') is not null as there`,
  );
  if (found?.there !== true) return null;
  const rows = await owner.rows<{ name: string }>('select name from public.migrations order by id');
  return rows.map(({ name }) => name);
}

/** Throws unless the database stands exactly where this version expects it. */
export async function requireThisVersion(owner: OwnerConnection): Promise<void> {
  const found = (await migrationsIn(owner)) ?? [];
  const foreign = found.find((name) => !MIGRATION_NAMES.includes(name));
  if (foreign !== undefined) {
    throw new Failure(
      EXIT.configuration,
      `The database is of another version than this command (it has run ${foreign}). Use the command of the version that serves it.`,
    );
  }
  if (found.length < MIGRATION_NAMES.length) {
    throw new Failure(
      EXIT.configuration,
      'The database is not at this version yet. Bring it there first: coffer admin migrate',
    );
  }
}

function noDatabase({ dataDir }: Config): Failure {
  return new Failure(
    EXIT.configuration,
    `There is no embedded database in ${dataDir}. Run this in the folder that the service is started in, or name its data directory with COFFER_DATA_DIR, or its database with COFFER_DATABASE_URL.`,
  );
}
