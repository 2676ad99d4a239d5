import { Inject, Injectable } from '@nestjs/common';
import { createLocalJWKSet, errors, type CryptoKey, type JWSHeaderParameters } from 'jose';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/token.js';
import { IssuerUnreachable, readIssuerDocument } from './issuer-document.js';

/** Discovery document and keys together must be there within this time. */
const FETCH_DEADLINE_MS = 5_000;
/** A key that an issuer took back is believed for so long at the most. */
const KEPT_MS = 10 * 60_000;
/** An issuer that could not be reached is left alone for so long. */
const FAILURE_KEPT_MS = 10_000;
/** Tokens with an unknown `kid` cause one fetch in so long: anybody can make up a `kid`. */
export const UNKNOWN_KEY_PAUSE_MS = 30_000;
const MOST_ISSUERS = 500;

type KeySet = ReturnType<typeof createLocalJWKSet>;

type Known = Readonly<{ keys: KeySet | IssuerUnreachable; at: number; soughtAt: number }>;

/**
 * The public keys of issuers, read through their discovery documents (OpenID Connect Discovery 1.0) and kept for a while. Asked only for the
 * issuer of a trust, never for one that a token names. However many ask at once, an issuer is fetched once.
 */
@Injectable()
export class IssuerKeys {
  private readonly known = new Map<string, Known>();
  private readonly fetching = new Map<string, Promise<KeySet>>();

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** The key that the header names. Throws `IssuerUnreachable`, or jose's error when there is no such key. */
  async find(issuer: string, header: JWSHeaderParameters): Promise<CryptoKey> {
    const askedAt = performance.now();
    const keys = await this.keysOf(issuer);
    try {
      return await keys(header);
    } catch (error) {
      const isUnknown = error instanceof errors.JWKSNoMatchingKey;
      const newer = isUnknown ? await this.newerThan(keys, issuer, askedAt) : null;
      if (newer === null) throw error;
      return newer(header);
    }
  }

  private async keysOf(issuer: string): Promise<KeySet> {
    const known = this.known.get(issuer);
    if (known !== undefined) {
      const { keys, at } = known;
      const age = performance.now() - at;
      if (keys instanceof IssuerUnreachable) {
        if (age < FAILURE_KEPT_MS) throw keys;
      } else if (age < KEPT_MS) {
        this.keep(issuer, known);
        return keys;
      }
    }
    return this.fetch(issuer, known?.soughtAt ?? -Infinity);
  }

  /** The issuer may have begun to use a new key. Null when it was asked for one a moment ago. */
  private async newerThan(seen: KeySet, issuer: string, askedAt: number): Promise<KeySet | null> {
    const known = this.known.get(issuer);
    if (known !== undefined && known.keys !== seen) return this.keysOf(issuer);
    if (known !== undefined && known.at >= askedAt) {
      // They came while this token waited for them: there are no newer ones.
      this.keep(issuer, { ...known, soughtAt: known.at });
      return null;
    }
    const now = performance.now();
    const running = this.fetching.get(issuer);
    if (running !== undefined) return running;
    if (known !== undefined && now - known.soughtAt < UNKNOWN_KEY_PAUSE_MS) return null;
    return this.fetch(issuer, now);
  }

  private fetch(issuer: string, soughtAt: number): Promise<KeySet> {
    const running = this.fetching.get(issuer);
    if (running !== undefined) return running;
    const fetched = readKeys(issuer, this.config.allowPrivateIssuers)
      .then(
        (keys) => {
          this.keep(issuer, { keys, at: performance.now(), soughtAt });
          return keys;
        },
        (error: unknown) => {
          const failure =
            error instanceof IssuerUnreachable ? error : new IssuerUnreachable('its keys are malformed');
          this.keepFailure(issuer, failure, soughtAt);
          throw failure;
        },
      )
      .finally(() => this.fetching.delete(issuer));
    this.fetching.set(issuer, fetched);
    return fetched;
  }

  /** Keys that are there and not too old stay in use when newer ones cannot be had. */
  private keepFailure(issuer: string, failure: IssuerUnreachable, soughtAt: number): void {
    const known = this.known.get(issuer);
    const now = performance.now();
    const stillGood =
      known !== undefined && !(known.keys instanceof IssuerUnreachable) && now - known.at < KEPT_MS;
    this.keep(issuer, stillGood ? { ...known, soughtAt } : { keys: failure, at: now, soughtAt });
  }

  /** The one that was not used for longest makes room. */
  private keep(issuer: string, known: Known): void {
    this.known.delete(issuer);
    this.known.set(issuer, known);
    const [oldest] = this.known.keys();
    if (this.known.size > MOST_ISSUERS && oldest !== undefined) this.known.delete(oldest);
  }
}

async function readKeys(issuer: string, allowPrivate: boolean): Promise<KeySet> {
  const reach = { allowPrivate, signal: AbortSignal.timeout(FETCH_DEADLINE_MS) };
  const path = '/.well-known/openid-configuration';
  const discovery = await readIssuerDocument(issuer.replace(/\/$/, '') + path, reach);
  if (textIn(discovery, 'issuer') !== issuer) {
    throw new IssuerUnreachable('its discovery document is another issuer’s');
  }
  const jwks = await readIssuerDocument(textIn(discovery, 'jwks_uri'), reach);
  return createLocalJWKSet(jwks as Parameters<typeof createLocalJWKSet>[0]);
}

function textIn(document: unknown, name: string): string {
  const value: unknown =
    typeof document === 'object' && document !== null ? Reflect.get(document, name) : undefined;
  return typeof value === 'string' ? value : '';
}
