// Brings a checkout to where its files say it should be: packages as in the lock file, dist as in the sources.
// Only what is missing or older is done. Both leave nothing that looks complete when they are cut off: npm writes its
// own list into node_modules last, and the stamp in dist is written after a build that succeeded.

import { chmodSync, existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, say, tool } from './run.mjs';

const INSTALLED = join(root, 'node_modules', '.package-lock.json');
const BUILT = join(root, 'dist', '.built');
const SOURCES = [
  'src',
  'migrations',
  'package.json',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

/** Installs when node_modules is missing or older than the lock file. Ends the process when that fails. */
export async function ensureInstalled() {
  if (timeOf(INSTALLED) >= timeOf(join(root, 'package-lock.json'))) return;
  say('Installing packages (once; a minute or so) …');
  // The tools that build and test are needed even where NODE_ENV says production.
  const flags = ['--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const code = (await npm(['ci', ...flags])) === 0 ? 0 : await npm(['install', ...flags]);
  if (code !== 0) {
    say('The packages could not be installed; what npm says is above. Nothing was started.');
    process.exit(code);
  }
  touch(INSTALLED);
}

/** Builds when dist is missing or older than a source. Gives back whether dist is now as the sources say. */
export async function ensureBuilt() {
  if (timeOf(BUILT) >= Math.max(...SOURCES.map((path) => newestIn(join(root, path))))) return true;
  say('Building …');
  const begun = new Date();
  if ((await tool('@nestjs/cli/bin/nest.js', ['build'])) !== 0) return false;
  // A `coffer` that npm has linked stays a program after a build.
  chmodSync(join(root, 'dist/src/cli/cli.js'), 0o755);
  writeFileSync(BUILT, '');
  // What was changed while the build ran is newer than the stamp.
  utimesSync(BUILT, begun, begun);
  return true;
}

export async function ensureBuiltOrExit() {
  if (await ensureBuilt()) return;
  say('The build failed; what is wrong is above. Nothing was started.');
  process.exit(1);
}

function npm(args) {
  const cli = process.env.npm_execpath;
  return cli?.endsWith('.js') ? run(process.execPath, [cli, ...args]) : run('npm', args);
}

/** The latest change in a file or a folder, removals included. */
function newestIn(path) {
  const found = statSync(path);
  if (!found.isDirectory()) return found.mtimeMs;
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))));
}

function timeOf(path) {
  return existsSync(path) ? statSync(path).mtimeMs : -Infinity;
}

function touch(path) {
  const now = new Date();
  utimesSync(path, now, now);
}
