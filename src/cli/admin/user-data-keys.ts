import type { DataKeys } from '../../crypto/data-key.js';
import { personalMaskPlace, personalValuePlace } from '../../crypto/places.js';
import { firstRow, rows, type UserTransaction } from '../../database/transaction.js';
import { recordOf, type Foundation } from './foundation.js';
import type { Finished, KeyHolder } from './key-holder.js';

type Row = Readonly<{ present_since: Date; first_retired: Date | null }>;

/** A user's own data keys: none before the first personal secret, one holder from then on. */
export async function userKeys(foundation: Foundation, userId: string): Promise<KeyHolder[]> {
  const found = await foundation.database.forUser(userId, (tx) =>
    rows<Row>(
      tx,
      `select max(created_at) filter (where retired_at is null) as present_since, min(retired_at) as first_retired
       from user_data_keys where user_id = $1 having count(*) > 0`,
      [userId],
    ),
  );
  return found.map((row) => ({
    presentSince: row.present_since,
    firstRetired: row.first_retired,
    renew: (at) => renew(foundation, userId, at),
    finish: (tell) => finish(foundation, userId, tell),
  }));
}

async function renew({ database, audit, keyring }: Foundation, userId: string, at: Date): Promise<boolean> {
  const key = await keyring.make({ userId });
  return database.forUser(userId, async (tx) => {
    if (!(await lock(tx, userId))) return false;
    await rows(tx, 'update user_data_keys set retired_at = $2 where user_id = $1 and retired_at is null', [
      userId,
      at,
    ]);
    await rows(tx, 'insert into user_data_keys (user_id, id, wrapped, created_at) values ($1, $2, $3, $4)', [
      userId,
      key.id,
      key.wrapped,
      at,
    ]);
    await audit.recordForUser(tx, userId, recordOf('data-key.rotate', {}));
    return true;
  });
}

/** All of a user's values are a megabyte together at the most: one transaction, with their other writers kept out. */
async function finish(
  { database, audit, keyring }: Foundation,
  userId: string,
  tell: (resealed: number) => void,
): Promise<Finished> {
  const finished = await keyring.with({ userId }, (keys) =>
    database.forUser(userId, async (tx) => {
      if (!(await lock(tx, userId))) return { resealed: 0, destroyed: 0 };
      const resealed = await resealAll(tx, userId, keys);
      const gone = await rows(
        tx,
        'delete from user_data_keys where user_id = $1 and retired_at is not null returning id',
        [userId],
      );
      if (gone.length > 0)
        await audit.recordForUser(tx, userId, recordOf('data-key.destroy', { keys: gone.length, resealed }));
      return { resealed, destroyed: gone.length };
    }),
  );
  tell(finished.resealed);
  return finished;
}

type SealedRow = Readonly<{ id: string; version: number; sealed_value: Buffer; sealed_mask: Buffer }>;

async function resealAll(tx: UserTransaction, userId: string, keys: DataKeys): Promise<number> {
  const found = await rows<SealedRow>(
    tx,
    `select s.id, s.version, s.sealed_value, s.sealed_mask from personal_secrets s
     join user_data_keys k on k.user_id = s.user_id and k.id = s.data_key_id
     where s.user_id = $1 and k.retired_at is not null for no key update of s`,
    [userId],
  );
  if (found.length === 0) return 0;
  const placed = found.map((row) => ({ row, place: { userId, secretId: row.id, version: row.version } }));
  await rows(
    tx,
    `update personal_secrets s set data_key_id = $2, sealed_value = n.value, sealed_mask = n.mask
     from unnest($3::uuid[], $4::bytea[], $5::bytea[]) as n (id, value, mask)
     where s.user_id = $1 and s.id = n.id`,
    [
      userId,
      keys.currentId,
      found.map(({ id }) => id),
      placed.map(({ row, place }) => keys.reseal(personalValuePlace(place), row.sealed_value)),
      placed.map(({ row, place }) => keys.reseal(personalMaskPlace(place), row.sealed_mask)),
    ],
  );
  return found.length;
}

/** The lock that every writer of personal secrets takes first. False when the user was deleted. */
async function lock(tx: UserTransaction, userId: string): Promise<boolean> {
  const row = await firstRow(
    tx,
    'select 1 from user_data_keys where user_id = $1 and retired_at is null for no key update',
    [userId],
  );
  return row !== undefined;
}
