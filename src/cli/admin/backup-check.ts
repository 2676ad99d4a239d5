import { statSync } from 'node:fs';
import { MIGRATION_NAMES } from '../../database/migrate.js';
import type { KeyProvider } from '../../crypto/key-provider.js';
import { EXIT, Failure } from '../failure.js';
import {
  countsIn,
  damaged,
  framesOf,
  headerIn,
  newlinesIn,
  type Counts,
  type Header,
} from './backup-file.js';

// What is made sure of before a restore touches anything.

/** What a backup holds, after every byte of it was looked at. */
export type Contents = Readonly<{
  header: Header;
  counts: Counts;
  rows: number;
  /** The rows of `service_keys`, in the text form of COPY. */
  serviceKeys: string;
}>;

export async function checkBackup(file: string): Promise<Contents> {
  // It is read twice: once before anything is touched, and once to load it.
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === false)
    throw new Failure(EXIT.failed, `${file} is no file. Write the backup into one first.`);
  let header: Header | null = null;
  let counts: Counts | null = null;
  const counted: Record<string, number> = {};
  const names: string[] = [];
  const serviceKeys: Buffer[] = [];
  for await (const { type, content } of framesOf(file)) {
    const table = names.at(-1);
    if (type === 'H') header = headerIn(content);
    else if (type === 'T') counted[names[names.push(content.toString('utf8')) - 1] ?? ''] = 0;
    else if (type === 'E') counts = countsIn(content);
    else if (type === 'D') {
      if (table === undefined) throw damaged(file);
      counted[table] = (counted[table] ?? 0) + newlinesIn(content);
      if (table === 'service_keys') serviceKeys.push(content);
    }
  }
  if (header === null || counts === null) throw damaged(file);
  const told = header.tables.map(({ name }) => name);
  if (told.join() !== names.join() || !sameCounts(counted, counts)) throw damaged(file);
  const rows = Object.values(counted).reduce((sum, count) => sum + count, 0);
  return { header, counts, rows, serviceKeys: Buffer.concat(serviceKeys).toString('utf8') };
}

/** A restore changes nothing of the tables' form, so it must be this version's. */
export function requireSameVersion({ header }: Contents): void {
  const known = new Set(MIGRATION_NAMES);
  const foreign = header.migrations.find((name) => !known.has(name));
  const problem =
    foreign !== undefined
      ? `of a newer version than this command (it has run ${foreign})`
      : header.migrations.length < known.size
        ? 'of an older version than this command'
        : null;
  if (problem === null) return;
  throw new Failure(
    EXIT.failed,
    `The backup is ${problem}: it was written by ${header.version}. Restore it with that version, and migrate afterwards. Nothing was touched.`,
  );
}

/** Whether what the backup holds can be opened with this root key. */
export async function requireFittingKey({ header, serviceKeys }: Contents, keys: KeyProvider): Promise<void> {
  const columns = header.tables.find(({ name }) => name === 'service_keys')?.columns ?? [];
  for (const line of serviceKeys.split('\n').filter(Boolean)) {
    const fields = line.split('\t');
    const purpose = fields[columns.indexOf('purpose')] ?? '';
    const hex = /^\\\\x([0-9a-f]*)$/.exec(fields[columns.indexOf('wrapped')] ?? '')?.[1] ?? '';
    try {
      await keys.unwrap(Buffer.from(hex, 'hex'), purpose);
    } catch {
      throw new Failure(
        EXIT.configuration,
        'The backup was made under another root key than the one of these settings. Restore it with the key that was in use then (COFFER_ROOT_KEY_FILE). Nothing was touched.',
      );
    }
  }
}

function sameCounts(one: Counts, other: Counts): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
