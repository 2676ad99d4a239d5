import type { Plaintext } from '../crypto/plaintext.js';
import { breaksUnique } from '../database/postgres-errors.js';
import { firstRow, rows, type UserTransaction } from '../database/transaction.js';
import { NotFound, Unexpected } from '../errors/errors.js';
import { InUse, StoreFull, type UniqueField } from './refusals.js';
import { nameProblem } from './rules.js';
import type { SealedValue } from './sealing.js';

/**
 * The statements on a user's secrets. Writers lock in one order, so that they never wait for each other in a circle: the store, the secret,
 * and last the audit chain.
 */
const MOST_SECRETS = 200;
const MOST_BYTES = 1_048_576;

/** What is known of a secret without opening anything. */
export type SecretRow = Readonly<{
  user_id: string;
  id: string;
  name: string;
  description: string;
  env_name: string | null;
  file_path: string | null;
  provider: string | null;
  version: number;
  created_at: Date;
  updated_at: Date;
}>;

export type MaskRow = SecretRow & Readonly<{ sealed_mask: Buffer }>;
export type ValueRow = SecretRow & Readonly<{ sealed_value: Buffer }>;

/** Door 1 finds secrets by name, door 2 by id. */
export type Key = Readonly<{ name: string } | { id: string }>;

export type NewSecret = Readonly<{
  name: string;
  value: Plaintext;
  description: string;
  envName: string | null;
  filePath: string | null;
  provider: string | null;
}>;

/** What is left out stays as it is. */
export type Change = Readonly<{
  value?: Plaintext;
  description?: string;
  envName?: string | null;
  filePath?: string | null;
}>;

const COLUMNS =
  'user_id, id, name, description, env_name, file_path, provider, version, created_at, updated_at';

/** Keeps the user's other writers out until the commit, so that the limits hold for all of them together. */
export async function lockStore(tx: UserTransaction, userId: string): Promise<void> {
  const lock = 'select id from user_data_keys where user_id = $1 and retired_at is null for no key update';
  // Whoever waited for a rotation waited for a row that is retired now: the present one is found by asking again.
  const row =
    (await firstRow<{ id: string }>(tx, lock, [userId])) ??
    (await firstRow<{ id: string }>(tx, lock, [userId]));
  // The user was deleted a moment ago, and the key with them.
  if (row === undefined) throw new NotFound();
}

/** To be asked after the change, in its transaction: it throws, and with that undoes, what is too much. */
export async function requireWithinLimits(tx: UserTransaction, userId: string): Promise<void> {
  const held = await firstRow<{ secrets: number; bytes: number }>(
    tx,
    `select count(*)::integer as secrets, coalesce(sum(value_bytes), 0)::integer as bytes
     from personal_secrets where user_id = $1`,
    [userId],
  );
  if (held === undefined) throw new Unexpected('a count returned no row');
  if (held.secrets > MOST_SECRETS) {
    throw new StoreFull(
      `You have ${MOST_SECRETS} secrets, which is the limit: delete one that is not needed.`,
    );
  }
  if (held.bytes > MOST_BYTES) {
    throw new StoreFull(
      `All your values together may have 1 MiB (${MOST_BYTES.toLocaleString('en')} bytes): this would be more.`,
    );
  }
}

export function allByName(tx: UserTransaction, userId: string): Promise<SecretRow[]> {
  return rows<SecretRow>(tx, `select ${COLUMNS} from personal_secrets where user_id = $1 order by name`, [
    userId,
  ]);
}

/** With their masks, by the names that door 2 gives them. */
export function allMasked(tx: UserTransaction, userId: string): Promise<MaskRow[]> {
  return rows<MaskRow>(
    tx,
    `select ${COLUMNS}, sealed_mask from personal_secrets where user_id = $1 order by coalesce(env_name, name), id`,
    [userId],
  );
}

export function find(tx: UserTransaction, userId: string, key: Key): Promise<SecretRow> {
  return found<SecretRow>(tx, userId, key, COLUMNS);
}

export function findForUpdate(tx: UserTransaction, userId: string, key: Key): Promise<SecretRow> {
  return found<SecretRow>(tx, userId, key, COLUMNS, 'for update');
}

export function findMasked(tx: UserTransaction, userId: string, key: Key): Promise<MaskRow> {
  return found<MaskRow>(tx, userId, key, `${COLUMNS}, sealed_mask`);
}

export function findWithValue(tx: UserTransaction, userId: string, key: Key): Promise<ValueRow> {
  return found<ValueRow>(tx, userId, key, `${COLUMNS}, sealed_value`);
}

async function found<Row>(
  tx: UserTransaction,
  userId: string,
  key: Key,
  columns: string,
  lock: 'for update' | '' = '',
): Promise<Row> {
  const [column, value] = 'id' in key ? ['id', key.id] : ['name', key.name];
  // PostgreSQL is not asked for what no secret can be called: a NUL in a text is an error there.
  if ('name' in key && nameProblem(key.name) !== null) throw new NotFound();
  const row = await firstRow<Row>(
    tx,
    `select ${columns} from personal_secrets where user_id = $1 and ${column} = $2 ${lock}`,
    [userId, value],
  );
  if (row === undefined) throw new NotFound();
  return row;
}

export async function insert(
  tx: UserTransaction,
  userId: string,
  id: string,
  made: NewSecret,
  value: SealedValue,
): Promise<MaskRow> {
  return written(
    tx,
    `insert into personal_secrets (user_id, id, name, description, env_name, file_path, provider, version, value_bytes,
       data_key_id, sealed_value, sealed_mask, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11, $12, $12) returning ${COLUMNS}, sealed_mask`,
    [
      userId,
      id,
      made.name,
      made.description,
      made.envName,
      made.filePath,
      made.provider,
      value.bytes,
      value.keyId,
      value.value,
      value.mask,
      new Date(),
    ],
  );
}

/** Changes a locked secret: its fields, and its value when there is a new one, whose version is the next one. */
export async function update(
  tx: UserTransaction,
  secret: SecretRow,
  change: Change,
  value: SealedValue | null,
): Promise<MaskRow> {
  return written(
    tx,
    `update personal_secrets set description = $3, env_name = $4, file_path = $5, updated_at = $6,
       version = version + $7, value_bytes = coalesce($8, value_bytes), data_key_id = coalesce($9, data_key_id),
       sealed_value = coalesce($10, sealed_value), sealed_mask = coalesce($11, sealed_mask)
     where user_id = $1 and id = $2 returning ${COLUMNS}, sealed_mask`,
    [
      secret.user_id,
      secret.id,
      change.description ?? secret.description,
      change.envName === undefined ? secret.env_name : change.envName,
      change.filePath === undefined ? secret.file_path : change.filePath,
      new Date(),
      value === null ? 0 : 1,
      value?.bytes ?? null,
      value?.keyId ?? null,
      value?.value ?? null,
      value?.mask ?? null,
    ],
  );
}

/** Returns what was deleted. */
export async function remove(tx: UserTransaction, userId: string, key: Key): Promise<SecretRow> {
  const { id } = await findForUpdate(tx, userId, key);
  const [row] = await rows<SecretRow>(
    tx,
    `delete from personal_secrets where user_id = $1 and id = $2 returning ${COLUMNS}`,
    [userId, id],
  );
  if (row === undefined) throw new Unexpected('a locked secret was not there to be deleted');
  return row;
}

// PostgreSQL checks them in this order, and names the first that is broken.
const UNIQUE: Readonly<Record<UniqueField, string>> = {
  name: 'personal_secrets_name_key',
  env_name: 'personal_secrets_env_name_key',
  file_path: 'personal_secrets_file_path_key',
};

async function written(tx: UserTransaction, sql: string, parameters: readonly unknown[]): Promise<MaskRow> {
  try {
    const row = await firstRow<MaskRow>(tx, sql, parameters);
    if (row !== undefined) return row;
  } catch (error) {
    for (const field of ['name', 'env_name', 'file_path'] as const) {
      if (breaksUnique(error, UNIQUE[field])) throw new InUse(field);
    }
    throw error;
  }
  throw new Unexpected('a written secret was not returned');
}
