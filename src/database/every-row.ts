import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseUnusable } from './database-unusable.js';
import { quoted, withColumns, type Table } from './catalog.js';
import type { OwnerConnection } from './owner-connection.js';
import { sqlStateOf } from './postgres-errors.js';

/**
 * How the login that owns the tables sees every row of them. A superuser sees them anyhow. Any other owner is bound by the forced policies and
 * would silently see none: it looks tenant by tenant, and refuses where it could not be sure to have them all.
 */
export type Tenants = Readonly<{ orgs: readonly string[]; users: readonly string[] }>;

const LOCK_TIMEOUT_MS = 300;
const ATTEMPTS = 40;

/**
 * Tables whose tenants no foreign key holds to be known. Trails outlive their organisations and users; the heads of their chains list them.
 */
const ROOTS = ['organisations', 'org_chain_heads', 'user_chain_heads'];
const LISTED = [...ROOTS, 'org_events', 'org_event_lists', 'org_acts', 'user_events'];

/** Whether row-level security does not bind this login at all: a superuser, or one with BYPASSRLS. */
export async function isUnbound(owner: OwnerConnection): Promise<boolean> {
  const [found] = await owner.rows<{ unbound: boolean }>(
    'select rolsuper or rolbypassrls as unbound from pg_roles where rolname = current_user',
  );
  return found?.unbound === true;
}

/**
 * Every organisation and every user that there is a row of, deleted ones too. Works inside a transaction. An owner who is bound lifts the
 * force of the policies for the blink of an eye and takes that back: nobody else ever sees a table without it, since until then they wait.
 */
export async function tenantsOf(owner: OwnerConnection): Promise<Tenants> {
  if (await isUnbound(owner))
    return readTenants(owner, [ownersIn('org_events', 'org_id'), ownersIn('user_events', 'user_id')]);
  for (let attempt = 1; ; attempt += 1) {
    await owner.rows('savepoint unforced');
    try {
      await owner.rows(`set local lock_timeout = ${String(LOCK_TIMEOUT_MS)}`);
      for (const table of ROOTS) await owner.rows(`alter table ${table} no force row level security`);
      return await readTenants(owner, ['', '']);
    } catch (error) {
      if (sqlStateOf(error) === '42501') throw DatabaseUnusable.withoutOwner(error);
      if (sqlStateOf(error) !== '55P03' || attempt === ATTEMPTS) throw error;
    } finally {
      await owner.rows('rollback to savepoint unforced');
    }
    await pause(50);
  }
}

async function readTenants(
  owner: OwnerConnection,
  [moreOrgs, moreUsers]: [string, string],
): Promise<Tenants> {
  const ids = async (statement: string): Promise<string[]> =>
    (await owner.rows<{ id: string }>(statement)).map(({ id }) => id);
  return {
    orgs: await ids(
      `select org_id as id from organisations union select org_id from org_slugs union select org_id from org_chain_heads ${moreOrgs} order by 1`,
    ),
    users: await ids(
      `select id from users union select user_id from user_chain_heads ${moreUsers} order by 1`,
    ),
  };
}

/** Those of trails whose heads are gone: from one owner to the next in the index, so that a large table costs no more than a small one. */
function ownersIn(table: string, column: string): string {
  return `union select id from (
    with recursive owners as (
      (select ${column} as id from ${table} order by ${column} limit 1)
      union all
      select (select t.${column} from ${table} t where t.${column} > owners.id order by t.${column} limit 1)
      from owners where owners.id is not null
    ) select id from owners where id is not null) as of_trails`;
}

/** A statement for `copy … to stdout`, and whose rows the transaction must be told to show before it. */
export type Portion = Readonly<{ statement: string; org: string; user: string; isFiltered: boolean }>;

/** To be called before the portion's own statement. */
export async function show(owner: OwnerConnection, { org, user, isFiltered }: Portion): Promise<void> {
  // With row_security off, PostgreSQL refuses what a policy would have thinned out.
  await owner.rows(
    `select set_config('row_security', $1, true), set_config('coffer.org_id', $2, true), set_config('coffer.user_id', $3, true)`,
    [isFiltered ? 'on' : 'off', org, user],
  );
}

/** The statements that give all rows of a table together. Throws where they might not. */
export function* portionsOf(table: Table, tenants: Tenants, unbound: boolean): Generator<Portion> {
  if (!table.isForced || unbound) {
    yield { statement: `copy ${withColumns(table)} to stdout`, org: '', user: '', isFiltered: false };
    return;
  }
  const { name, tenant } = table;
  if (tenant === null || !(table.namesTenant || LISTED.includes(name)))
    throw DatabaseUnusable.hidesRows(name);
  const columns = table.columns.map(quoted).join(', ');
  for (const id of tenant === 'org_id' ? tenants.orgs : tenants.users) {
    const rows = `select ${columns} from ${quoted(name)} where ${tenant} = '${id}'`;
    const whose = tenant === 'org_id' ? { org: id, user: '' } : { org: '', user: id };
    yield { statement: `copy (${rows}) to stdout`, ...whose, isFiltered: true };
  }
}
