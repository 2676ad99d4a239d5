import { createHash, hkdfSync } from 'node:crypto';
import { keyIdOf, open, seal, SealBroken } from './envelope.js';
import type { KeyProvider } from './key-provider.js';

/** The root key in this process's memory, and the previous one while a rotation runs. */
export class LocalKeyProvider implements KeyProvider {
  readonly #keys: ReadonlyMap<string, Uint8Array>;
  readonly #current: string;

  /** Both are 32 random bytes; the configuration has refused anything weaker. */
  constructor(root: Uint8Array, previous: Uint8Array | null = null) {
    const [currentId, current] = wrappingKey(root);
    this.#current = currentId;
    this.#keys = new Map([
      ...(previous === null ? [] : [wrappingKey(previous)]),
      [currentId, current] as const,
    ]);
  }

  wrap(key: Uint8Array, context: string): Promise<Uint8Array> {
    return Promise.resolve(seal(this.key(this.#current), this.#current, place(context), key));
  }

  unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array> {
    return new Promise((resolve) => {
      resolve(open(this.key(keyIdOf(wrapped)), place(context), wrapped));
    });
  }

  async check(): Promise<void> {
    await this.unwrap(await this.wrap(new Uint8Array(32), 'check'), 'check');
  }

  private key(id: string): Uint8Array {
    const key = this.#keys.get(id);
    if (key === undefined) throw new SealBroken('they were wrapped under another root key');
    return key;
  }
}

function place(context: string): { purpose: string; path: string[] } {
  return { purpose: 'data-key', path: [context] };
}

/** The key that wraps is derived from the root key, and so is its public name: neither tells anything about the root key. */
function wrappingKey(root: Uint8Array): readonly [string, Uint8Array] {
  const key = new Uint8Array(hkdfSync('sha256', root, new Uint8Array(0), 'coffer/wrap/v1', 32));
  const hex = createHash('sha256').update('coffer/root-key-id/v1').update(key).digest('hex');
  const id = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
  return [id, key];
}
