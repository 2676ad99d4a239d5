// npm run migrate: brings the database to this version and ends. It is `coffer admin migrate` of this checkout; `npm
// start` does the same by itself. This is for those who want it done before, by another login
// (COFFER_MIGRATION_DATABASE_URL).

import { join } from 'node:path';
import { ensureBuiltOrExit, ensureInstalled } from './install.mjs';
import { root, run } from './run.mjs';

await ensureInstalled();
await ensureBuiltOrExit();
process.exitCode = await run(process.execPath, [join(root, 'dist/src/cli/cli.js'), 'admin', 'migrate']);
