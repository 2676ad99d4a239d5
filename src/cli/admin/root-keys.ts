import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../config/config.js';
import { LocalKeyProvider } from '../../crypto/local-key.provider.js';
import { readPreviousRootKey, readRootKey } from '../../crypto/root-key.js';
import { EXIT, Failure } from '../failure.js';

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
  if (missing === 'refused' && config.rootKey.kind === 'data-dir') await requireKeyFile(config.dataDir);
  try {
    const root = await readRootKey(config.rootKey, config.dataDir);
    const previous = await readPreviousRootKey(config.previousRootKey, config.dataDir);
    return {
      present: new LocalKeyProvider(root),
      both: new LocalKeyProvider(root, previous),
      isSame: previous !== null && Buffer.from(previous).equals(root),
    };
  } catch (error) {
    throw new Failure(EXIT.configuration, error instanceof Error ? error.message : String(error));
  }
}

async function requireKeyFile(dataDir: string): Promise<void> {
  const path = join(dataDir, 'root.key');
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  if (there) return;
  throw new Failure(
    EXIT.configuration,
    `The root key is not there: ${path}. Put the one that belongs to this data in its place (mode 600), or name it with COFFER_ROOT_KEY_FILE.`,
  );
}
