import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import type { DataKeys } from '../crypto/data-key.js';
import { Keyring } from '../crypto/keyring.js';
import type { Plaintext } from '../crypto/plaintext.js';
import { Database } from '../database/database.js';
import type { UserTransaction } from '../database/transaction.js';
import * as store from './personal-rows.js';
import type { Change, Key, MaskRow, NewSecret, SecretRow } from './personal-rows.js';
import { openMask, openValue, sealed, type ValuePlace } from './sealing.js';

/** A secret with what may be shown of its value. */
export type MaskedSecret = Readonly<{ secret: SecretRow; mask: Plaintext }>;

/**
 * A user's own secrets: one store, whichever door somebody comes in by. Whose they are follows from the proof alone, never from a name in a
 * request, and the database shows no row of anybody else. A value leaves only through `value`, and is on record before it does.
 */
@Injectable()
export class PersonalSecretsService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly keyring: Keyring,
  ) {}

  list(access: Access<'user'>): Promise<SecretRow[]> {
    return this.database.forUser(access.user.id, async (tx) => {
      const secrets = await store.allByName(tx, access.user.id);
      await this.record(tx, access, 'personal-secret.list');
      return secrets;
    });
  }

  listMasked(access: Access<'user'>): Promise<MaskedSecret[]> {
    return this.withKeys(access, async (tx, keys) => {
      const secrets = await store.allMasked(tx, access.user.id);
      await this.record(tx, access, 'personal-secret.list');
      return secrets.map((secret) => masked(keys, secret));
    });
  }

  create(access: Access<'user'>, made: NewSecret): Promise<MaskedSecret> {
    const userId = access.user.id;
    return this.withKeys(access, async (tx, keys) => {
      await store.lockStore(tx, userId);
      const id = randomUUID();
      const value = sealed(keys, { userId, secretId: id, version: 1 }, made.value);
      const secret = await store.insert(tx, userId, id, made, value);
      await store.requireWithinLimits(tx, userId);
      await this.record(tx, access, 'personal-secret.create', secret);
      return masked(keys, secret);
    });
  }

  read(access: Access<'user'>, key: Key): Promise<SecretRow> {
    return this.database.forUser(access.user.id, async (tx) => {
      const secret = await store.find(tx, access.user.id, key);
      await this.record(tx, access, 'personal-secret.read', secret);
      return secret;
    });
  }

  readMasked(access: Access<'user'>, key: Key): Promise<MaskedSecret> {
    return this.withKeys(access, async (tx, keys) => {
      const secret = await store.findMasked(tx, access.user.id, key);
      await this.record(tx, access, 'personal-secret.read', secret);
      return masked(keys, secret);
    });
  }

  update(access: Access<'user'>, key: Key, change: Change): Promise<MaskedSecret> {
    const userId = access.user.id;
    return this.withKeys(access, async (tx, keys) => {
      await store.lockStore(tx, userId);
      const before = await store.findForUpdate(tx, userId, key);
      const next = { userId, secretId: before.id, version: before.version + 1 };
      const value = change.value === undefined ? null : sealed(keys, next, change.value);
      const secret = await store.update(tx, before, change, value);
      await store.requireWithinLimits(tx, userId);
      await this.record(tx, access, 'personal-secret.update', secret);
      return masked(keys, secret);
    });
  }

  delete(access: Access<'user'>, key: Key): Promise<void> {
    return this.database.forUser(access.user.id, async (tx) => {
      const secret = await store.remove(tx, access.user.id, key);
      await this.record(tx, access, 'personal-secret.delete', secret);
    });
  }

  /** The value, for the one person who may have it. */
  value(access: Access<'user'>, key: Key): Promise<Plaintext> {
    return this.withKeys(access, async (tx, keys) => {
      const secret = await store.findWithValue(tx, access.user.id, key);
      const value = openValue(keys, placeOf(secret), secret.sealed_value);
      await this.record(tx, access, 'personal-secret.value-get', secret);
      return value;
    });
  }

  /** The key comes first: a KMS may be slow, and no transaction waits for it. */
  private withKeys<T>(
    access: Access<'user'>,
    work: (tx: UserTransaction, keys: DataKeys) => Promise<T>,
  ): Promise<T> {
    const userId = access.user.id;
    return this.keyring.with({ userId }, (keys) => this.database.forUser(userId, (tx) => work(tx, keys)));
  }

  private record(
    tx: UserTransaction,
    access: Access<'user'>,
    action: string,
    secret?: SecretRow,
  ): Promise<void> {
    const resource = secret === undefined ? {} : { secret: secret.name, version: secret.version };
    return this.audit.recordForUser(tx, access.user.id, allowed(access, action, resource));
  }
}

function masked(keys: DataKeys, secret: MaskRow): MaskedSecret {
  return { secret, mask: openMask(keys, placeOf(secret), secret.sealed_mask) };
}

function placeOf(secret: SecretRow): ValuePlace {
  return { userId: secret.user_id, secretId: secret.id, version: secret.version };
}
