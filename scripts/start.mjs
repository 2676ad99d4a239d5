// npm start: from a fresh clone to a running service. The service runs in this very process, so that a signal has one
// receiver and the exit code is the service's own.

import { ensureBuiltOrExit, ensureInstalled } from './install.mjs';
import { whenNpmEnds } from './run.mjs';

await ensureInstalled();
await ensureBuiltOrExit();
whenNpmEnds(() => process.kill(process.pid, 'SIGTERM'));
process.setSourceMapsEnabled(true);
await import('../dist/src/main.js');
