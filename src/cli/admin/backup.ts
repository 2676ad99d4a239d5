import { isatty } from 'node:tty';
import { tablesOf, type Table } from '../../database/catalog.js';
import { isUnbound, portionsOf, show, tenantsOf } from '../../database/every-row.js';
import type { OwnerConnection } from '../../database/owner-connection.js';
import type { Call } from '../call.js';
import { EXIT, Failure, usage } from '../failure.js';
import { PRIVATE_FILE, writeStream } from '../files.js';
import { withProgress } from '../progress.js';
import { print, printJson, say } from '../terminal.js';
import { version } from '../version.js';
import { BackupWriter } from './backup-file.js';
import { failureOf } from './failure-of.js';
import { asOwner, atSite, migrationsIn } from './site.js';

/** How PostgreSQL writes and reads text, whatever the database's own settings are. */
export const PLAIN_TEXT = `
  set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres'; set local timezone = 'UTC';
  set local bytea_output = 'hex'; set local extra_float_digits = 3; set local client_encoding = 'UTF8';
  set local search_path = public`;

type Tell = (state: string) => void;

/** The whole database as it is at one moment, in one file. The service goes on meanwhile. */
export async function backup(call: Call): Promise<void> {
  const file = call.argument(0);
  if (file === '-' && isatty(1))
    throw usage('A backup is no text for a terminal: name a file, or pipe it on.');
  const writer = new BackupWriter();
  await atSite('refused', (site) =>
    asOwner(site, (owner) =>
      withProgress('Backing up', (tell) =>
        owner.inTransaction('isolation level repeatable read', () =>
          write(file, toldAsFailures(piecesOf(owner, writer, tell))),
        ),
      ),
    ),
  );
  const { bytes, rows, sha256 } = writer;
  const tables = Object.keys(writer.counts).length;
  if (file !== '-' && call.json) return printJson({ file, tables, rows, bytes, sha256 });
  say(
    `Wrote ${String(rows)} rows of ${String(tables)} tables${file === '-' ? '' : ` to ${file}`} (${bytes.toLocaleString('en')} bytes).\nThe root key is not in it: keep a copy of that elsewhere. Without it nobody can read what the backup holds.`,
  );
}

/** What the database says is no trouble with the file. */
async function* toldAsFailures(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* pieces;
  } catch (error) {
    throw failureOf(error);
  }
}

async function write(file: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  if (file !== '-') return writeStream(file, pieces, { mode: PRIVATE_FILE });
  for await (const piece of pieces) await print(piece);
}

async function* piecesOf(owner: OwnerConnection, writer: BackupWriter, tell: Tell): AsyncGenerator<Buffer> {
  await owner.rows(PLAIN_TEXT);
  const migrations = await migrationsIn(owner);
  if (migrations === null)
    throw new Failure(
      EXIT.configuration,
      'There is nothing to back up: the database has no tables of Coffer.',
    );
  const tables = await tablesOf(owner);
  const unbound = await isUnbound(owner);
  const tenants = await tenantsOf(owner);
  await owner.rows('set transaction read only');
  const shapes = tables.map(({ name, columns }) => ({ name, columns }));
  yield writer.begin({ version: version(), at: new Date().toISOString(), migrations, tables: shapes });
  for (const table of tables) {
    yield writer.table(table.name);
    for (const portion of portionsOf(table, tenants, unbound)) {
      await show(owner, portion);
      yield* rowsOf(owner, table, portion.statement, writer, tell);
    }
  }
  yield writer.end();
}

async function* rowsOf(
  owner: OwnerConnection,
  { name }: Table,
  statement: string,
  writer: BackupWriter,
  tell: Tell,
): AsyncGenerator<Buffer> {
  const pieces: AsyncIterable<Buffer> = owner.copyOut(statement);
  for await (const piece of pieces) {
    const framed = writer.data(name, piece);
    if (framed !== null) yield framed;
    tell(`(${name}, ${String(writer.rows)} rows)`);
  }
}
