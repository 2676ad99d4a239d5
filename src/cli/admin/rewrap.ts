import { SealBroken } from '../../crypto/envelope.js';
import type { KeyProvider } from '../../crypto/key-provider.js';
import type { OwnerConnection } from '../../database/owner-connection.js';
import { EXIT, Failure } from '../failure.js';
import type { RootKeys } from './root-keys.js';

// One wrapped key at a time, and the service's own secret, which tells whether a root key is this database's at all.

export type Pass = { rewrapped: number; already: number };

export async function rewrapped(
  { present, both }: RootKeys,
  wrapped: Uint8Array,
  context: string,
): Promise<Uint8Array> {
  const key = await both.unwrap(wrapped, context);
  try {
    return await present.wrap(key, context);
  } finally {
    key.fill(0);
  }
}

export async function opens(provider: KeyProvider, wrapped: Uint8Array, context: string): Promise<boolean> {
  try {
    (await provider.unwrap(wrapped, context)).fill(0);
    return true;
  } catch (error) {
    if (error instanceof SealBroken) return false;
    throw error;
  }
}

/** Only the login that owns the tables may change this one. */
export async function rewrapServiceKeys(owner: OwnerConnection, keys: RootKeys): Promise<Pass> {
  const pass: Pass = { rewrapped: 0, already: 0 };
  const stored = await owner.rows<{ purpose: string; wrapped: Buffer }>(
    'select purpose, wrapped from service_keys',
  );
  for (const { purpose, wrapped } of stored) {
    if (await opens(keys.present, wrapped, purpose)) {
      pass.already += 1;
      continue;
    }
    if (!(await opens(keys.both, wrapped, purpose))) throw foreignDatabase();
    const [changed] = await owner.rows<{ purpose: string }>(
      'update service_keys set wrapped = $3 where purpose = $1 and wrapped = $2 returning purpose',
      [purpose, wrapped, await rewrapped(keys, wrapped, purpose)],
    );
    if (changed !== undefined) pass.rewrapped += 1;
  }
  return pass;
}

/** Throws unless this root key opens the database. */
export async function requireOpening(owner: OwnerConnection, provider: KeyProvider): Promise<void> {
  for (const { purpose, wrapped } of await serviceKeysIn(owner)) {
    if (!(await opens(provider, wrapped, purpose))) throw foreignDatabase();
  }
}

function serviceKeysIn(owner: OwnerConnection): Promise<{ purpose: string; wrapped: Buffer }[]> {
  return owner.rows('select purpose, wrapped from service_keys');
}

function foreignDatabase(): Failure {
  return new Failure(
    EXIT.configuration,
    'Neither the present root key nor the previous one opens this database. Nothing was changed. Name the one that it was made or last rotated with in COFFER_PREVIOUS_ROOT_KEY_FILE.',
  );
}
