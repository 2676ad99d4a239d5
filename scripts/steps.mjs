// The steps that `npm test` and `npm run check` are made of, and the table at their end.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from './install.mjs';
import { say, tool } from './run.mjs';

const TEST_LIMIT_MS = 30 * 60_000;

const passed = (code) => code === 0;

export const format = {
  name: 'format',
  hint: 'npm run format',
  run: async () => passed(await tool('prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.'])),
};

export const lint = {
  name: 'lint',
  hint: 'npm run lint',
  run: async () => passed(await tool('eslint/bin/eslint.js', ['--max-warnings', '0', '.'])),
};

export const types = {
  name: 'types',
  hint: 'npm run types',
  run: async () => passed(await tool('typescript/bin/tsc', ['--noEmit', '-p', 'tsconfig.json'])),
};

export const build = { name: 'build', hint: 'npm run build', run: ensureBuilt };

/** Jest with these arguments. A whole run may not skip a test. */
export const tests = (args, { whole = false } = {}) => ({
  name: 'tests',
  hint: 'npm test -- <file>',
  run: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'coffer-results-'));
    try {
      const results = join(directory, 'results.json');
      const code = await tool('jest/bin/jest.js', [...args, '--json', '--outputFile', results], {
        env: testEnvironment(),
        limitMs: TEST_LIMIT_MS,
      });
      return judge(code, results, whole);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
});

/** Runs the steps in their order, all of them unless one is needed by the next, and gives back the exit code. */
export async function runSteps(steps) {
  const rows = [];
  for (const { name, hint, run } of steps) {
    say(`\n▸ ${name}`);
    const begun = Date.now();
    const good = await run();
    rows.push({ name, good, note: good ? seconds(begun) : `see above; again with: ${hint}` });
    if (!good && name === 'build') break;
  }
  say('');
  for (const { name, good, note } of rows) say(`${good ? '✓' : '✗'} ${name.padEnd(8)} ${note}`);
  const missed = steps.slice(rows.length).map(({ name }) => name);
  if (missed.length > 0) say(`Not run, for want of a build: ${missed.join(', ')}`);
  return rows.every(({ good }) => good) ? 0 : 1;
}

function judge(code, results, whole) {
  let found;
  try {
    found = JSON.parse(readFileSync(results, 'utf8'));
  } catch {
    return false;
  }
  const skipped = found.numPendingTests + found.numTodoTests;
  const failed = Math.max(found.numFailedTests, passed(code) ? 0 : 1);
  process.stdout.write(`\n${found.numPassedTests} passed, ${failed} failed\n`);
  if (whole && skipped > 0) say(`${skipped} tests were skipped: every test runs or goes.`);
  return passed(code) && (!whole || (skipped === 0 && found.numPassedTests > 0));
}

/** Settings of the person who runs the tests must not change what they find. */
function testEnvironment() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('COFFER_')));
  const options = [env.NODE_OPTIONS, '--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  return { ...env, NODE_OPTIONS: options.filter(Boolean).join(' ') };
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
