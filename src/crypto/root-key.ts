import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { GivenRootKey, RootKeySource } from '../config/config.js';
import { rootKeyFromText } from '../config/root-key.js';
import { KEY_BYTES } from './envelope.js';

/** The 32 bytes that a root key source stands for. The one in the data directory is made when it is not there yet. */
export async function readRootKey(source: RootKeySource, dataDir: string): Promise<Uint8Array> {
  if (source.kind === 'inline') return source.key;
  if (source.kind === 'file') return readKeyFile(source.path);
  const path = join(dataDir, 'root.key');
  await makeKeyFile(dataDir, path);
  return readKeyFile(path);
}

/** The key before a rotation, or null when none is named. */
export function readPreviousRootKey(
  source: GivenRootKey | null,
  dataDir: string,
): Promise<Uint8Array | null> {
  return source === null ? Promise.resolve(null) : readRootKey(source, dataDir);
}

async function readKeyFile(path: string): Promise<Uint8Array> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`The root key file ${path} cannot be read: ${reason(error)}`, { cause: error });
  }
  const { mode } = await stat(path);
  if ((mode & 0o007) !== 0) throw new Error(`The root key file ${path} is open to everybody: chmod 600 it.`);
  try {
    return rootKeyFromText(text);
  } catch (error) {
    throw new Error(`The root key in ${path} cannot be used: ${reason(error)}`, { cause: error });
  }
}

/** Exclusive and flushed to the disk: everything that is sealed from now on depends on these bytes. */
async function makeKeyFile(dataDir: string, path: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  let file;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    if (isCode(error, 'EEXIST')) return;
    throw new Error(`The root key file ${path} cannot be made: ${reason(error)}`, { cause: error });
  }
  try {
    await file.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : 'for an unknown reason';
}
