import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { GivenRootKey, RootKeySource } from '../config/config.js';
import { rootKeyFromText } from '../config/root-key.js';
import { KEY_BYTES } from './envelope.js';

/** The 32 bytes that a root key source stands for. The one in the data directory is made when it is not there yet. */
export async function readRootKey(source: RootKeySource, dataDir: string): Promise<Uint8Array> {
  if (source.kind === 'inline') return source.key;
  if (source.kind === 'file') return readKeyFile(source.path);
  const path = join(dataDir, 'root.key');
  if (!(await exists(path))) await makeKeyFile(dataDir, path);
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

/**
 * Whole, flushed to the disk, and never over another one: everything that is sealed from now on depends on these bytes. A process that is
 * killed in between leaves a file of another name behind.
 */
async function makeKeyFile(dataDir: string, path: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const unfinished = `${path}.${randomUUID()}`;
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await file.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(unfinished, path);
    await flushFolder(dataDir);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) {
      throw new Error(`The root key file ${path} cannot be made: ${reason(error)}`, { cause: error });
    }
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** A new name is durable when its folder is. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw new Error(`The root key file ${path} cannot be looked at: ${reason(error)}`, { cause: error });
  }
}

// Not `instanceof Error`: Node's own errors are of another realm inside of Jest.
function isCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : 'for an unknown reason';
}
