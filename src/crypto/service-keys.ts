import { createPrivateKey, createPublicKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { firstRow, rows } from '../database/transaction.js';
import { KEY_BYTES, SealBroken } from './envelope.js';
import type { KeyProvider } from './key-provider.js';

const PURPOSE = 'service';

/**
 * Everything that needs a key and is no data key derives it with HKDF from one wrapped secret, under a name for its purpose. So a KMS is
 * asked once at start, and a rotated root key changes none of them.
 */
@Injectable()
export class ServiceKeys {
  private constructor(private readonly secret: Uint8Array) {}

  /** Reads the secret, or makes it when this is the first start on this database. */
  static async load(database: Database, provider: KeyProvider): Promise<ServiceKeys> {
    const stored = (await readWrapped(database)) ?? (await makeWrapped(database, provider));
    return new ServiceKeys(await unwrap(provider, stored));
  }

  derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.secret, new Uint8Array(0), `coffer/${purpose}/v1`, KEY_BYTES));
  }

  /** An Ed25519 key pair (RFC 8032) whose seed is derived. */
  deriveSigningKey(purpose: string): { privateKey: KeyObject; publicKey: KeyObject } {
    // PKCS #8 of an Ed25519 key is a fixed prefix and the 32 bytes of the seed (RFC 8410, 7).
    const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
    const privateKey = createPrivateKey({
      key: Buffer.concat([prefix, this.derive(purpose)]),
      format: 'der',
      type: 'pkcs8',
    });
    return { privateKey, publicKey: createPublicKey(privateKey) };
  }
}

async function unwrap(provider: KeyProvider, wrapped: Uint8Array): Promise<Uint8Array> {
  try {
    return await provider.unwrap(wrapped, PURPOSE);
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error;
    throw new Error(
      'This database was made under another root key. Start with that one; while it is being rotated, name it in COFFER_PREVIOUS_ROOT_KEY_FILE.',
      { cause: error },
    );
  }
}

async function readWrapped(database: Database): Promise<Uint8Array | undefined> {
  const row = await database.shared((tx) =>
    firstRow<{ wrapped: Uint8Array }>(tx, 'select wrapped from service_keys where purpose = $1', [PURPOSE]),
  );
  return row?.wrapped;
}

async function makeWrapped(database: Database, provider: KeyProvider): Promise<Uint8Array> {
  const wrapped = await provider.wrap(randomBytes(KEY_BYTES), PURPOSE);
  // Two nodes may start at once: the first one's secret is everybody's.
  const stored = await database.shared(async (tx) => {
    await rows(tx, `insert into service_keys values ($1, $2, now()) on conflict (purpose) do nothing`, [
      PURPOSE,
      wrapped,
    ]);
    return firstRow<{ wrapped: Uint8Array }>(tx, 'select wrapped from service_keys where purpose = $1', [
      PURPOSE,
    ]);
  });
  return stored?.wrapped ?? wrapped;
}
