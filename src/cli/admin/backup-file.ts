import { createHash } from 'node:crypto';
import { EXIT, Failure } from '../failure.js';
import { isRecord, parsed } from '../json.js';
import { FileSource } from './file-source.js';

/**
 * The form of a backup:
 *
 *     "COFFER BACKUP 1\n", then frames: 1 byte type · 4 bytes length (big-endian) · content
 *
 *     H  what it is: version, time, migrations, tables with their columns, as JSON
 *     T  a table's name; its rows follow
 *     D  rows in PostgreSQL's COPY text format, cut anywhere
 *     E  how many rows each table has, as JSON
 *     S  SHA-256 of every byte before this frame; nothing follows
 *
 * Values and wrapped keys stand in it as they stand in the database: sealed. The root key does not.
 */
const MAGIC = Buffer.from('COFFER BACKUP 1\n', 'latin1');
const FRAME_HEADER_BYTES = 5;
const DATA_BYTES = 256 * 1024;
/** Larger than any frame that is written. */
const MOST_BYTES = 64 * 1024 * 1024;

export type FrameType = 'H' | 'T' | 'D' | 'E' | 'S';
export type Frame = Readonly<{ type: FrameType; content: Buffer }>;

export type TableShape = Readonly<{ name: string; columns: readonly string[] }>;
export type Header = Readonly<{
  /** Of the command that wrote it. */
  version: string;
  at: string;
  migrations: readonly string[];
  tables: readonly TableShape[];
}>;
export type Counts = Readonly<Record<string, number>>;

/** Makes the bytes of a backup, one call after the other, and counts what goes into it. */
export class BackupWriter {
  readonly counts: Record<string, number> = {};
  bytes = 0;
  rows = 0;
  /** Hexadecimal, once `end` has been called. */
  sha256 = '';

  private readonly hash = createHash('sha256');
  private waiting: Buffer[] = [];
  private waitingBytes = 0;

  begin(header: Header): Buffer {
    return this.counted(Buffer.concat([MAGIC, frame('H', json(header))]));
  }

  table(name: string): Buffer {
    const rest = this.rest();
    this.counts[name] = 0;
    return Buffer.concat([rest, this.counted(frame('T', Buffer.from(name, 'utf8')))]);
  }

  /** Gives back a frame when there is enough for one. */
  data(name: string, piece: Buffer): Buffer | null {
    const rows = newlinesIn(piece);
    this.rows += rows;
    this.counts[name] = (this.counts[name] ?? 0) + rows;
    this.waiting.push(piece);
    this.waitingBytes += piece.length;
    return this.waitingBytes < DATA_BYTES ? null : this.rest();
  }

  end(): Buffer {
    const rest = this.rest();
    const counts = this.counted(frame('E', json(this.counts)));
    const digest = this.hash.digest();
    this.sha256 = digest.toString('hex');
    const last = frame('S', digest);
    this.bytes += last.length;
    return Buffer.concat([rest, counts, last]);
  }

  private rest(): Buffer {
    if (this.waitingBytes === 0) return Buffer.alloc(0);
    const content = Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    return this.counted(frame('D', content));
  }

  private counted(bytes: Buffer): Buffer {
    this.hash.update(bytes);
    this.bytes += bytes.length;
    return bytes;
  }
}

/** Rows end with a newline, and none stands inside of one: COPY writes those as \n. */
export function newlinesIn(piece: Buffer): number {
  let count = 0;
  for (let at = piece.indexOf(10); at !== -1; at = piece.indexOf(10, at + 1)) count += 1;
  return count;
}

/** The frames of a file. Throws a `Failure` for what is no backup, is cut off or was changed: at its last frame at the latest. */
export async function* framesOf(file: string): AsyncGenerator<Frame> {
  const hash = createHash('sha256');
  const source = new FileSource(file);
  const take = async (size: number): Promise<Buffer> => {
    const bytes = await source.take(size);
    if (bytes === null) throw damaged(file);
    return bytes;
  };
  const magic = await source.take(MAGIC.length);
  if (magic?.equals(MAGIC) !== true) throw notABackup(file, magic);
  hash.update(magic);
  for (;;) {
    const head = await take(FRAME_HEADER_BYTES);
    const type = typeOf(head);
    const length = head.readUInt32BE(1);
    if (type === null || length > MOST_BYTES) throw damaged(file);
    const content = await take(length);
    if (type === 'S') {
      if (!hash.digest().equals(content) || !(await source.isAtEnd())) throw damaged(file);
      yield { type, content };
      return;
    }
    hash.update(head).update(content);
    yield { type, content };
  }
}

export function damaged(file: string): Failure {
  return new Failure(
    EXIT.failed,
    `${file} is damaged: it was cut off or changed after it was written. Nothing was touched. Use another backup.`,
  );
}

export function headerIn(content: Buffer): Header | null {
  const data = parsed(content.toString('utf8'));
  if (!isRecord(data) || typeof data['version'] !== 'string' || typeof data['at'] !== 'string') return null;
  const { version, at, migrations, tables } = data;
  if (!isListOf(migrations, isText) || !isListOf(tables, isShape)) return null;
  return { version, at, migrations, tables };
}

export function countsIn(content: Buffer): Counts | null {
  const data = parsed(content.toString('utf8'));
  return isRecord(data) && isCounts(data) ? data : null;
}

function isCounts(data: Record<string, unknown>): data is Record<string, number> {
  return Object.values(data).every((count) => Number.isSafeInteger(count));
}

function isListOf<T>(data: unknown, isOne: (item: unknown) => item is T): data is T[] {
  return Array.isArray(data) && data.every(isOne);
}

function isText(data: unknown): data is string {
  return typeof data === 'string';
}

function isShape(data: unknown): data is TableShape {
  return isRecord(data) && isText(data['name']) && isListOf(data['columns'], isText);
}

function notABackup(file: string, magic: Buffer | null): Failure {
  const other = magic?.toString('latin1').startsWith('COFFER BACKUP ') === true;
  return new Failure(
    EXIT.failed,
    other
      ? `${file} is a backup in a form that this version does not know. Restore it with the version that wrote it. Nothing was touched.`
      : `${file} is no backup of Coffer. Nothing was touched.`,
  );
}

function typeOf(head: Buffer): FrameType | null {
  const letter = head.toString('latin1', 0, 1);
  return letter === 'H' || letter === 'T' || letter === 'D' || letter === 'E' || letter === 'S'
    ? letter
    : null;
}

function frame(type: FrameType, content: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEADER_BYTES);
  head.write(type, 0, 'latin1');
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}

function json(data: unknown): Buffer {
  return Buffer.from(JSON.stringify(data), 'utf8');
}
