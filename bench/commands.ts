// How long the command takes from its start to its end, against a node that does nothing.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PROJECT, tokenOf } from './data-set.js';
import { judge } from './measure.js';
import type { Options } from './options.js';
import type { Site } from './stage.js';
import type { Line } from './table.js';

const COMMAND = fileURLToPath(new URL('../dist/src/cli/cli.js', import.meta.url));

const run = promisify(execFile);

export async function measureCommands({ data, service }: Site, options: Options): Promise<Line[]> {
  if (!existsSync(COMMAND))
    return ['coffer --version', 'coffer list'].map((title) => ({ title, skipped: 'not yet' }));
  const [org] = data.orgs;
  if (org === undefined) throw new Error('The data set has no organisation.');
  // A home of its own, so that nobody's saved login is read.
  const home = await mkdtemp(join(await realpath(tmpdir()), 'coffer-home-'));
  const env = {
    HOME: home,
    XDG_CONFIG_HOME: home,
    COFFER_SERVER: service.url,
    COFFER_TOKEN: tokenOf(org, 'consumer'),
    COFFER_ENV: `${org.slug}/${PROJECT}/hundred`,
  };
  const times = { nothing: [] as number[], version: [] as number[], list: [] as number[] };
  try {
    for (let turn = 0; turn < options.repetitions * 3; turn += 1) {
      times.nothing.push(await timed(['-e', '0'], env));
      times.version.push(await timed([COMMAND, '--version'], env));
      times.list.push(await timed([COMMAND, 'list'], env));
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
  const theirs = times.nothing;
  return [
    judge('coffer --version', 'ms', { own: times.version, theirs }, 'node -e 0', { most: 2.5 }),
    judge('coffer list', 'ms', { own: times.list, theirs }, 'node -e 0', { most: 6 }),
  ];
}

/** Milliseconds. Throws when the command fails. */
async function timed(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const begun = performance.now();
  await run(process.execPath, args, { env });
  return performance.now() - begun;
}
