import { migrate as bringUp } from '../../database/migrate.js';
import type { Call } from '../call.js';
import { print, printJson } from '../terminal.js';
import { atSite } from './site.js';

/** Brings the tables to this version; `npm start` does the same by itself. */
export async function migrate(call: Call): Promise<void> {
  const migrations = await atSite('made', ({ migrationUrl }) => bringUp(migrationUrl));
  if (call.json) return printJson({ migrations });
  const done =
    migrations.length === 0 ? 'The database is up to date.' : `Migrated: ${migrations.join(', ')}.`;
  return print(`${done}\n`);
}
