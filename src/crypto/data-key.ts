import { createHmac, hkdfSync, randomUUID, randomBytes } from 'node:crypto';
import { KEY_BYTES, keyIdOf, open, seal, sealAll, SealBroken, type Place } from './envelope.js';
import { Plaintext } from './plaintext.js';

/** A data key that nobody has stored yet: its wrapped form goes into `data_keys`, in the transaction that makes its owner. */
export type NewDataKey = Readonly<{ id: string; wrapped: Uint8Array }>;

export function freshKey(): { id: string; bytes: Uint8Array } {
  return { id: randomUUID(), bytes: randomBytes(KEY_BYTES) };
}

/** Sealed bytes name a key that is not among those that were lent: they are broken, or their owner was given a new key meanwhile. */
export class KeyUnknown extends SealBroken {
  constructor(readonly lent: DataKeys) {
    super('they name a data key that is not their owner’s');
  }
}

/** The unwrapped data keys of one owner, for as long as a lease of the keyring lasts. */
export class DataKeys {
  readonly #keys: Map<string, Uint8Array>;
  readonly #current: string;
  #fingerprintKey: Buffer | null = null;
  #hasSealed = false;

  constructor(keys: Map<string, Uint8Array>, current: string) {
    this.#keys = keys;
    this.#current = current;
  }

  /** The key that new values are sealed under. */
  get currentId(): string {
    return this.#current;
  }

  /** Whether anything was sealed with them, so that a row may be on its way that names the current one. */
  get hasSealed(): boolean {
    return this.#hasSealed;
  }

  seal(place: Place, value: Plaintext): Buffer {
    this.#hasSealed = true;
    return seal(this.key(this.#current), this.#current, place, Buffer.from(value.reveal(), 'utf8'));
  }

  /** Each of many, sealed like that. */
  sealAll<T>(
    all: readonly T[],
    placed: (one: T) => Readonly<{ place: Place; value: Plaintext }>,
  ): Readonly<{ one: T; sealed: Buffer }>[] {
    this.#hasSealed = true;
    return sealAll(this.key(this.#current), this.#current, all, (one) => {
      const { place, value } = placed(one);
      return { place, content: Buffer.from(value.reveal(), 'utf8') };
    });
  }

  open(place: Place, sealed: Uint8Array): Plaintext {
    return new Plaintext(open(this.key(keyIdOf(sealed)), place, sealed).toString('utf8'));
  }

  /** The same value for the same place under the current key. Nobody sees it on the way, and it is never a text. */
  reseal(place: Place, sealed: Uint8Array): Buffer {
    this.#hasSealed = true;
    const content = open(this.key(keyIdOf(sealed)), place, sealed);
    try {
      return seal(this.key(this.#current), this.#current, place, content);
    } finally {
      content.fill(0);
    }
  }

  /** A keyed digest for comparing two values without reading them: HMAC-SHA-256 under a key derived for this alone. */
  fingerprint(value: Plaintext): Buffer {
    this.#fingerprintKey ??= Buffer.from(
      hkdfSync('sha256', this.key(this.#current), new Uint8Array(0), 'coffer/fingerprint/v1', KEY_BYTES),
    );
    return createHmac('sha256', this.#fingerprintKey).update(value.reveal(), 'utf8').digest();
  }

  /** Overwrites the keys. Nothing seals or opens with them afterwards. */
  drop(): void {
    for (const key of this.#keys.values()) key.fill(0);
    this.#keys.clear();
    this.#fingerprintKey?.fill(0);
    this.#fingerprintKey = null;
  }

  private key(id: string): Uint8Array {
    const key = this.#keys.get(id);
    if (key === undefined) throw new KeyUnknown(this);
    return key;
  }
}
