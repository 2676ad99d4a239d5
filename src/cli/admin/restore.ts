import { quoted, tablesOf, withColumns, type Table } from '../../database/catalog.js';
import { migrate } from '../../database/migrate.js';
import type { OwnerConnection } from '../../database/owner-connection.js';
import type { Call } from '../call.js';
import { EXIT, Failure } from '../failure.js';
import { withProgress } from '../progress.js';
import { printJson, say } from '../terminal.js';
import { PLAIN_TEXT } from './backup.js';
import { checkBackup, requireFittingKey, requireSameVersion, type Contents } from './backup-check.js';
import { damaged, framesOf } from './backup-file.js';
import { rootKeys } from './root-keys.js';
import { asOwner, atSite, migrationsIn, requireThisVersion, settings } from './site.js';

type Tell = (state: string) => void;

/** A backup into an empty database: all of it in one transaction, or nothing. */
export async function restore(call: Call): Promise<void> {
  const file = call.argument(0);
  const config = settings();
  const contents = await withProgress(`Checking ${file}`, () => checkBackup(file));
  requireSameVersion(contents);
  await requireFittingKey(contents, (await rootKeys(config, 'refused')).both);
  await atSite('made', async (site) => {
    const isNew = await asOwner(site, async (owner) => (await migrationsIn(owner)) === null);
    if (isNew) await migrate(site.migrationUrl);
    await asOwner(site, (owner) =>
      withProgress('Restoring', (tell) => restoreInto(owner, file, contents, tell)),
    );
  });
  const { header, rows } = contents;
  const { version, at, tables } = header;
  if (call.json) return printJson({ at, version, tables: tables.length, rows });
  say(
    `Restored ${String(rows)} rows of ${String(tables.length)} tables, as they were at ${at}.\nStart the service with the same root key. What was revoked after that moment (tokens, sessions, grants) is in force again: revoke it once more.`,
  );
}

async function restoreInto(
  owner: OwnerConnection,
  file: string,
  contents: Contents,
  tell: Tell,
): Promise<void> {
  await requireThisVersion(owner);
  const tables = await tablesOf(owner);
  requireSameTables(tables, contents);
  await owner.inTransaction('', async () => {
    await owner.rows(PLAIN_TEXT);
    await owner.rows(`set local lock_timeout = '10s'`);
    await owner.rows(
      `lock table ${tables.map(({ name }) => quoted(name)).join(', ')} in access exclusive mode`,
    );
    await alterAll(owner, tables, 'no force row level security', 'disable');
    await requireUnused(owner, tables);
    // What is left is what migrations put there, and the backup has that too.
    await owner.rows(`truncate ${tables.map(({ name }) => quoted(name)).join(', ')}`);
    await load(owner, file, tables, contents, tell);
    // What is checked at the end is checked now: a table with checks under way cannot be altered.
    await owner.rows('set constraints all immediate');
    await alterAll(owner, tables, 'force row level security', 'enable');
  });
  for (const { name } of tables) await owner.rows(`analyze ${quoted(name)}`);
}

/** Rows come in as they were: no policy thins them out and no trigger changes or announces them. Undone with the transaction. */
async function alterAll(
  owner: OwnerConnection,
  tables: readonly Table[],
  security: 'force row level security' | 'no force row level security',
  triggers: 'enable' | 'disable',
): Promise<void> {
  for (const { name, isForced, triggers: own } of tables) {
    const changes = [
      ...(isForced ? [security] : []),
      ...own.map((each) => `${triggers} trigger ${quoted(each)}`),
    ];
    if (changes.length > 0) await owner.rows(`alter table ${quoted(name)} ${changes.join(', ')}`);
  }
}

/** A service that has started once has its key there, before anything else; what people make is theirs or an organisation's. */
async function requireUnused(owner: OwnerConnection, tables: readonly Table[]): Promise<void> {
  const used: string[] = [];
  for (const { name, isForced } of tables) {
    if (!isForced && name !== 'users' && name !== 'service_keys') continue;
    const [found] = await owner.rows<{ used: boolean }>(
      `select exists (select from ${quoted(name)}) as used`,
    );
    if (found?.used !== false) used.push(name);
  }
  if (used.length === 0) return;
  throw new Failure(
    EXIT.failed,
    `The database is not empty (there are rows in ${used.join(', ')}). A backup is restored into a new database, or a new data directory: COFFER_DATABASE_URL, COFFER_DATA_DIR. Nothing was touched.`,
  );
}

async function load(
  owner: OwnerConnection,
  file: string,
  tables: readonly Table[],
  { header, counts }: Contents,
  tell: Tell,
): Promise<void> {
  const frames = framesOf(file);
  let next = await frames.next();
  const isData = (): boolean => next.done !== true && next.value.type === 'D';
  async function* rows(): AsyncGenerator<Buffer> {
    for (next = await frames.next(); next.done !== true && isData(); next = await frames.next())
      yield next.value.content;
  }
  let loaded = 0;
  while (next.done !== true) {
    if (next.value.type !== 'T') {
      next = await frames.next();
      continue;
    }
    const name = next.value.content.toString('utf8');
    const table = tables.find((each) => each.name === name);
    const columns = header.tables.find((each) => each.name === name)?.columns;
    if (table === undefined || columns === undefined) throw damaged(file);
    tell(`(${name}, ${String(loaded)} rows)`);
    const count = await owner.copyIn(`copy ${withColumns({ name, columns })} from stdin`, rows());
    if (count !== counts[name])
      throw new Failure(EXIT.failed, `${name} did not take all rows of the backup. Nothing was kept.`);
    loaded += count;
  }
}

function requireSameTables(tables: readonly Table[], { header }: Contents): void {
  const there = new Map(tables.map(({ name, columns }) => [name, [...columns].sort().join()]));
  const odd = header.tables.find(({ name, columns }) => there.get(name) !== [...columns].sort().join());
  if (odd === undefined && header.tables.length === tables.length) return;
  throw new Failure(
    EXIT.failed,
    `The backup and the database do not have the same tables${odd === undefined ? '' : ` (${odd.name})`}. Restore with the version that wrote it: ${header.version}. Nothing was touched.`,
  );
}
