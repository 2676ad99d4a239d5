import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../config/config.js';
import { LocalKeyProvider } from '../../crypto/local-key.provider.js';
import { readPreviousRootKey, readRootKey } from '../../crypto/root-key.js';
import { EXIT, Failure, systemCode } from '../failure.js';

export type RootKeys = Readonly<{
  /** Wraps, and unwraps what the present root key wrapped. */
  present: LocalKeyProvider;
  /** Unwraps what the previous one wrapped as well, when one is named. */
  both: LocalKeyProvider;
  /** Whether the previous one, by whatever name, is the present one. */
  isSame: boolean;
}>;

/** `missing` says whether a root key that belongs in the data directory and is not there is made. */
export async function rootKeys(config: Config, missing: 'made' | 'refused'): Promise<RootKeys> {
  if (missing === 'refused' && (await isMissing(config))) throw notThere(config);
  const root = await orFailure(readRootKey(config.rootKey, config.dataDir));
  const previous = await orFailure(readPreviousRootKey(config.previousRootKey, config.dataDir));
  return {
    present: new LocalKeyProvider(root),
    both: new LocalKeyProvider(root, previous),
    isSame: previous !== null && Buffer.from(previous).equals(root),
  };
}

/** The previous root key alone; null when none is named. */
export async function previousRootKey(config: Config): Promise<LocalKeyProvider | null> {
  const previous = await orFailure(readPreviousRootKey(config.previousRootKey, config.dataDir));
  return previous === null ? null : new LocalKeyProvider(previous);
}

/** Whether the root key belongs in the data directory and is not there. */
export async function isMissing({ rootKey, dataDir }: Config): Promise<boolean> {
  if (rootKey.kind !== 'data-dir') return false;
  return stat(pathIn(dataDir)).then(
    () => false,
    (error: unknown) => systemCode(error) === 'ENOENT',
  );
}

async function orFailure<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    throw new Failure(EXIT.configuration, error instanceof Error ? error.message : String(error));
  }
}

function pathIn(dataDir: string): string {
  return join(dataDir, 'root.key');
}

function notThere({ dataDir }: Config): Failure {
  return new Failure(
    EXIT.configuration,
    `The root key is not there: ${pathIn(dataDir)}. Put the one that belongs to this data in its place (mode 600), or name it with COFFER_ROOT_KEY_FILE.`,
  );
}
