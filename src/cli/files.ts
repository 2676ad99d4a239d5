import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  type Stats,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { EXIT, Failure, systemCode, systemReason } from './failure.js';

// Files that hold secrets. Each is written under a temporary name beside its place and then moved there, so that a reader
// sees all of it or none; nothing is followed that a stranger could have put in its place.

export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

type Bytes = string | Uint8Array;

export type Manner = Readonly<{
  /** Of a new file. */
  mode: number;
  /** A file that is there keeps its mode and its owner. */
  keepsMode?: boolean;
  /** A symbolic link in the last part gives way to the file; else it is refused. It is never followed. */
  replacesLink?: boolean;
}>;

/** Makes or replaces a file. */
export function writeFile(path: string, data: Bytes, manner: Manner): void {
  attempt(path, () => {
    const present = presentFile(path, manner.replacesLink === true);
    const kept = manner.keepsMode === true ? present : null;
    const temporary = writeBeside(path, data, (file) => {
      fchmodSync(file, kept === null ? manner.mode : kept.mode & 0o7777);
      if (kept !== null) keepOwner(file, kept);
    });
    moveOver(temporary, path);
  });
}

/** Like `writeFile`, for what comes in pieces and may be large. */
export async function writeStream(path: string, pieces: AsyncIterable<Bytes>, manner: Manner): Promise<void> {
  const temporary = temporaryFor(path);
  let file: number | null = null;
  try {
    presentFile(path, manner.replacesLink === true);
    file = openSync(temporary, 'wx', manner.mode);
    for await (const piece of pieces) writeAll(file, piece);
    fsyncSync(file);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw failureOf(path, error);
  } finally {
    if (file !== null) closeSync(file);
  }
}

/** Makes a file where there is nothing yet, not even a dangling link. Throws when there is. */
export function writeNewFile(path: string, data: Bytes, mode: number): void {
  attempt(path, () => {
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw occupied(path);
    const temporary = writeBeside(path, data, (file) => {
      fchmodSync(file, mode);
    });
    try {
      linkSync(temporary, path);
    } catch (error) {
      if (systemCode(error) === 'EEXIST') throw occupied(path);
      // A file system without hard links: its own way to make a file only when there is none.
      writeOnly(path, data, mode);
    } finally {
      rmSync(temporary, { force: true });
    }
  });
}

/** Missing folders above a file, for this user alone. */
export function makeFoldersFor(path: string): void {
  attempt(path, () => {
    makeFolders(dirname(path));
  });
}

/**
 * A folder, and those above it, where they are missing. Throws the system's error. Node's own `recursive` never ends where a
 * file system says of a folder that is there that it is not (/proc does).
 */
export function makeFolders(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  makeFolders(dirname(path));
  try {
    mkdirSync(path, { mode: PRIVATE_FOLDER });
  } catch (error) {
    // Somebody else was faster.
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

/** The bytes of a file that the user named. `most`: a larger one is refused before it is read. */
export function readNamedFile(path: string, most = Number.POSITIVE_INFINITY): Uint8Array {
  try {
    const { size } = statSync(path);
    if (size > most)
      throw new Failure(EXIT.failed, `The file ${path} is larger than ${most.toLocaleString('en')} bytes.`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(EXIT.failed, `The file ${path} cannot be read: ${systemReason(error)}.`);
  }
}

/** What stands there now, when it is a file; null when it is nothing, or a link that gives way. */
function presentFile(path: string, replacesLink: boolean): Stats | null {
  const present = lstatSync(path, { throwIfNoEntry: false });
  if (present === undefined) return null;
  if (present.isFile()) return present;
  // `/dev/stdout` is a link, and the system's.
  if (present.isSymbolicLink() && replacesLink && dirname(resolve(path)) !== '/dev') return null;
  const what = present.isSymbolicLink() ? 'a symbolic link' : 'no file';
  throw new Failure(EXIT.failed, `${path} cannot be written: what is there already is ${what}.`);
}

function writeBeside(path: string, data: Bytes, prepare: (file: number) => void): string {
  const temporary = temporaryFor(path);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = openSync(temporary, flags, PRIVATE_FILE);
  try {
    writeFileSync(file, data);
    prepare(file);
    fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return temporary;
}

/** Half of a file is none. */
function writeOnly(path: string, data: Bytes, mode: number): void {
  const file = openSync(path, 'wx', mode);
  try {
    writeFileSync(file, data);
    fsyncSync(file);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

function temporaryFor(path: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 200)}.${randomBytes(6).toString('hex')}.tmp`);
}

function writeAll(file: number, piece: Bytes): void {
  const bytes = Buffer.from(piece);
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
}

function moveOver(temporary: string, path: string): void {
  try {
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Root may write somebody else's file; it stays theirs. */
function keepOwner(file: number, present: Stats): void {
  try {
    fchownSync(file, present.uid, present.gid);
  } catch {
    // Whoever may not give files away owns what they write.
  }
}

function occupied(path: string): Failure {
  return new Failure(EXIT.failed, `${path} exists already: remove it, or choose another path.`);
}

function attempt(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw failureOf(path, error);
  }
}

function failureOf(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure(EXIT.failed, `${path} cannot be written: ${systemReason(error)}.`);
}
