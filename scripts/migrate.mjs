// npm run migrate: brings the database to this version and ends. `npm start` does the same by itself; this is for those
// who want it done before, by another login (COFFER_MIGRATION_DATABASE_URL).

import { ensureBuiltOrExit, ensureInstalled } from './install.mjs';
import { say } from './run.mjs';

await ensureInstalled();
await ensureBuiltOrExit();
const [{ config }, { startEmbeddedPostgres }, { migrate }] = await Promise.all([
  import('../dist/src/config/config.js'),
  import('../dist/src/database/embedded-postgres.js'),
  import('../dist/src/database/migrate.js'),
]);

try {
  const { database, dataDir } = config();
  const embedded = database === null ? await startEmbeddedPostgres({ dataDir, log: () => {} }) : null;
  try {
    const ran = await migrate(database?.migrationUrl ?? embedded.url);
    say(ran.length === 0 ? 'The database is up to date.' : `Migrated: ${ran.join(', ')}.`);
  } finally {
    await embedded?.stop();
  }
} catch (error) {
  say(error.message);
  process.exitCode = error.name === 'ConfigError' ? 78 : 1;
}
