import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from '../database/database.js';
import { breaksForeignKey } from '../database/postgres-errors.js';
import { rows, type UserTransaction } from '../database/transaction.js';
import { CofferError, NotFound, Unavailable } from '../errors/errors.js';
import { DataKeys, freshKey, KeyUnknown, type NewDataKey } from './data-key.js';
import { SealBroken } from './envelope.js';
import { KEY_PROVIDER, type KeyProvider } from './key-provider.js';
import { Leases } from './leases.js';

const CACHED_OWNERS = 10_000;
const CACHE_MS = 5 * 60_000;

/** The constraints that keep a row from naming a data key that was destroyed. They are checked at the commit. */
const NAMES_ITS_KEY = [
  'secret_versions_org_id_data_key_id_fkey',
  'personal_secrets_user_id_data_key_id_fkey',
];

/** An environment's data keys, or a project's own (from which its fingerprints come) when there is no environment. */
export type EnvironmentKeyOwner = Readonly<{
  orgId: string;
  projectId: string;
  environmentId: string | null;
}>;

/** A user's data keys, for their personal secrets. The first one is made at its first use. */
export type UserKeyOwner = Readonly<{ userId: string }>;

export type KeyOwner = EnvironmentKeyOwner | UserKeyOwner;

type StoredKey = Readonly<{ id: string; wrapped: Uint8Array; retired: boolean }>;

/**
 * Data keys: made, unwrapped, lent out and forgotten. The unwrapped ones live in bounded memory for a limited time and are overwritten when
 * they are dropped, never while somebody still works with them.
 */
@Injectable()
export class Keyring implements OnApplicationShutdown {
  private readonly leases = new Leases<DataKeys>(CACHED_OWNERS, CACHE_MS, (keys) => {
    keys.drop();
  });

  constructor(
    private readonly database: Database,
    @Inject(KEY_PROVIDER) private readonly provider: KeyProvider,
  ) {}

  /** A new wrapped key for an owner that is about to be stored. May call a KMS: no transaction may be open. */
  async make(owner: KeyOwner): Promise<NewDataKey> {
    const { id, bytes } = freshKey();
    try {
      return { id, wrapped: await this.provider.wrap(bytes, wrappingContext(owner, id)) };
    } catch (error) {
      throw new Unavailable('keys', error);
    } finally {
      bytes.fill(0);
    }
  }

  /**
   * Lends the owner's keys to `work`. May call a KMS before `work` begins, so the transaction belongs inside `work`. It runs again when it
   * failed because the keys were rotated since they were read: it must do nothing but such a transaction.
   */
  with<T>(owner: KeyOwner, work: (keys: DataKeys) => Promise<T>): Promise<T> {
    return this.leases.with(nameOf(owner), () => this.load(owner), work, isOutdated);
  }

  /** How many owners' keys are in memory. */
  get size(): number {
    return this.leases.size;
  }

  /** Overwrites whatever is kept; part of a clean end. */
  onApplicationShutdown(): void {
    this.leases.dropAll();
  }

  private async load(owner: KeyOwner): Promise<DataKeys> {
    const stored = 'userId' in owner ? await this.keysOfUser(owner) : await this.keysOfEnvironment(owner);
    const current = stored.find((key) => !key.retired);
    if (current === undefined) throw new NotFound();
    return new DataKeys(await this.unwrapAll(owner, stored), current.id);
  }

  private keysOfEnvironment(owner: EnvironmentKeyOwner): Promise<StoredKey[]> {
    return this.database.forOrg(owner.orgId, (tx) =>
      rows<StoredKey>(
        tx,
        `select id, wrapped, retired_at is not null as retired from data_keys
         where org_id = $1 and project_id = $2 and environment_id is not distinct from $3`,
        [owner.orgId, owner.projectId, owner.environmentId],
      ),
    );
  }

  private async keysOfUser(owner: UserKeyOwner): Promise<StoredKey[]> {
    const stored = await this.database.forUser(owner.userId, (tx) => userKeys(tx, owner));
    return stored.length > 0 ? stored : this.firstKeyOfUser(owner);
  }

  /** Many first uses may meet, on many nodes: whichever key is stored first is everybody's. */
  private async firstKeyOfUser(owner: UserKeyOwner): Promise<StoredKey[]> {
    const { id, wrapped } = await this.make(owner);
    try {
      return await this.database.forUser(owner.userId, async (tx) => {
        await rows(
          tx,
          `insert into user_data_keys (user_id, id, wrapped, created_at) values ($1, $2, $3, $4)
           on conflict (user_id) where retired_at is null do nothing`,
          [owner.userId, id, wrapped, new Date()],
        );
        return userKeys(tx, owner);
      });
    } catch (error) {
      // The user was deleted a moment ago: nothing may be sealed for them any more.
      if (breaksForeignKey(error)) throw new NotFound();
      throw error;
    }
  }

  private async unwrapAll(owner: KeyOwner, stored: readonly StoredKey[]): Promise<Map<string, Uint8Array>> {
    try {
      const pairs = stored.map(
        async (key) =>
          [key.id, await this.provider.unwrap(key.wrapped, wrappingContext(owner, key.id))] as const,
      );
      return new Map(await Promise.all(pairs));
    } catch (error) {
      if (error instanceof CofferError || error instanceof SealBroken) throw error;
      throw new Unavailable('keys', error);
    }
  }
}

/** A value that is sealed under a newer key, or a row that was sealed under one that has been destroyed. */
function isOutdated(failure: unknown, keys: DataKeys): boolean {
  if (failure instanceof KeyUnknown) return failure.lent === keys;
  return keys.hasSealed && breaksForeignKey(failure, NAMES_ITS_KEY);
}

function userKeys(tx: UserTransaction, owner: UserKeyOwner): Promise<StoredKey[]> {
  return rows<StoredKey>(
    tx,
    'select id, wrapped, retired_at is not null as retired from user_data_keys where user_id = $1',
    [owner.userId],
  );
}

function nameOf(owner: KeyOwner): string {
  if ('userId' in owner) return `user/${owner.userId}`;
  return [owner.orgId, owner.projectId, owner.environmentId ?? ''].join('/');
}

/** Bound into the wrapped key: in another owner's row it does not unwrap. */
export function wrappingContext(owner: KeyOwner, keyId: string): string {
  return `${nameOf(owner)}/${keyId}`;
}
