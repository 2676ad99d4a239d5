import { Unexpected } from '../errors/errors.js';
import type { OwnerConnection } from './owner-connection.js';

/**
 * The tables as PostgreSQL's own catalogue has them, so that a table which a later migration makes is taken along without a word here.
 * Unlogged tables are left out: what they hold may be forgotten at any crash. So is the list of migrations, which is compared instead.
 */
export type Table = Readonly<{
  name: string;
  /** Those that are stored and not computed. */
  columns: readonly string[];
  /** Row-level security binds its owner as well. */
  isForced: boolean;
  /** Whose a row is, where row-level security is forced. */
  tenant: 'org_id' | 'user_id' | null;
  /** Its rows name a tenant that is known, by a foreign key. */
  namesTenant: boolean;
  /** Other tables that must be there first: foreign keys that are checked at once. */
  needs: readonly string[];
  /** Triggers that fire on the rows of people, not PostgreSQL's own. */
  triggers: readonly string[];
}>;

const TABLES = `
  select c.relname as name, c.relforcerowsecurity as "isForced",
    (select array_agg(a.attname::text order by a.attnum) from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
    (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attname in ('org_id', 'user_id')
      and c.relforcerowsecurity order by a.attname limit 1) as tenant,
    exists (select from pg_constraint f join pg_attribute a on a.attrelid = c.oid and a.attnum = any (f.conkey)
      where f.conrelid = c.oid and f.contype = 'f' and a.attname in ('org_id', 'user_id')) as "namesTenant",
    array(select distinct t.relname::text from pg_constraint f join pg_class t on t.oid = f.confrelid
      where f.conrelid = c.oid and f.contype = 'f' and not f.condeferred and t.oid <> c.oid) as needs,
    array(select t.tgname::text from pg_trigger t
      where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled = 'O' order by 1) as triggers
  from pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and c.relpersistence = 'p' and c.relname <> 'migrations'
  order by c.relname`;

/** Every table, each after those that it needs. */
export async function tablesOf(owner: OwnerConnection): Promise<Table[]> {
  return inOrder(await owner.rows<Table>(TABLES));
}

export function inOrder(tables: readonly Table[]): Table[] {
  const ordered: Table[] = [];
  let left = [...tables];
  while (left.length > 0) {
    const waiting = new Set(left.map(({ name }) => name));
    const ready = left.filter(({ needs }) => !needs.some((name) => waiting.has(name)));
    if (ready.length === 0) throw new Unexpected(`tables need each other: ${[...waiting].join(', ')}`);
    ordered.push(...ready);
    left = left.filter((table) => !ready.includes(table));
  }
  return ordered;
}

/** An identifier, quoted: every name, whatever letters it has. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `"table" ("column", …)`. */
export function withColumns({ name, columns }: Pick<Table, 'name' | 'columns'>): string {
  return `${quoted(name)} (${columns.map(quoted).join(', ')})`;
}
