// npm run bench: the service against its floors; see docs/performance.md. Arguments are passed on.

import { ensureBuiltOrExit, ensureInstalled } from './install.mjs';
import { run } from './run.mjs';

await ensureInstalled();
await ensureBuiltOrExit();
process.exitCode = await run(process.execPath, [
  '--import',
  './scripts/typescript.mjs',
  'bench/bench.ts',
  ...process.argv.slice(2),
]);
