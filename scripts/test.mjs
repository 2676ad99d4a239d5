// npm test: everything that must hold, on a fresh clone too. With arguments, only the tests that they name.

import { ensureInstalled } from './install.mjs';
import { build, format, lint, runSteps, tests, types } from './steps.mjs';

const args = process.argv.slice(2);
await ensureInstalled();
process.exitCode = await runSteps(
  args.length > 0 ? [build, tests(args)] : [format, lint, types, build, tests([], { whole: true })],
);
