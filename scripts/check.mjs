// npm run check: what can be told in less than a minute.

import { ensureInstalled } from './install.mjs';
import { format, lint, runSteps, tests, types } from './steps.mjs';

await ensureInstalled();
process.exitCode = await runSteps([format, lint, types, tests(['test/walls'])]);
