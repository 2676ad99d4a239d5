import type { EntityManager } from 'typeorm';

declare const tenant: unique symbol;

/**
 * A transaction's `EntityManager` is the repository. The brand says whose rows it can see: a function that needs an organisation's
 * transaction cannot be handed a shared one.
 */
export type Transaction = EntityManager;
export type OrgTransaction = EntityManager & { readonly [tenant]: 'org' };
export type UserTransaction = EntityManager & { readonly [tenant]: 'user' };

/** Rows of a statement, typed by the caller, whose columns are the source of the truth. */
export async function rows<Row>(
  tx: Transaction,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<Row[]> {
  const result: unknown = await tx.query(sql, [...parameters]);
  // TypeORM answers UPDATE and DELETE with [rows, count], everything else with the rows.
  if (isRowsAndCount(result)) return result[0] as Row[];
  return result as Row[];
}

export async function firstRow<Row>(
  tx: Transaction,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<Row | undefined> {
  return (await rows<Row>(tx, sql, parameters))[0];
}

function isRowsAndCount(result: unknown): result is [unknown[], number] {
  return (
    Array.isArray(result) && result.length === 2 && Array.isArray(result[0]) && typeof result[1] === 'number'
  );
}
