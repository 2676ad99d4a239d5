/**
 * Who holds the root key. `local` keeps it in this process; a KMS keeps it elsewhere and answers over the network, so both methods may be
 * slow and may fail: they are never called inside a transaction.
 * `context` binds a wrapped key to its owner: unwrapping it with another context fails.
 */
export interface KeyProvider {
  /** Wraps 32 bytes. What comes back is safe to store. */
  wrap(key: Uint8Array, context: string): Promise<Uint8Array>;
  /** Unwraps what `wrap` made, also under a previous root key. Throws when it was altered or belongs elsewhere. */
  unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array>;
  /** Throws when the root key cannot be used right now; `/readyz` asks. */
  check(): Promise<void>;
}

/** Nest's token for the one provider that is configured. */
export const KEY_PROVIDER = Symbol('KeyProvider');
