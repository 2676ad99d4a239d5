import type { ClientBase, Pool } from 'pg';

/** How many connections to this database wait for a lock. Asked outside of a transaction: inside of one PostgreSQL repeats itself. */
export async function lockWaiters(sql: ClientBase | Pool): Promise<number> {
  const { rows } = await sql.query(
    `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows.length;
}
