import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { together, type Basis, type Stamp } from '../access/basis.js';
import type { Caller, Origin } from '../access/caller.js';
import type { Rights } from '../access/rights.js';
import type { Scope } from '../access/scope.js';

/** That this caller was allowed it there, and what that rests on. */
export type Remembered = Readonly<{ caller: Caller; scope: Scope; rights: Rights; basis: Basis }>;

const MOST_BYTES = 24 * 1024 * 1024;
const BYTES_OF_ONE = 2_048;
const BYTES_OF_A_HOLDING = 512;
/** So that a token's last use, which only the database is asked for and told, stays true to the minute. */
const KEEP_MS = 60_000;

/**
 * Which credential was let in where, for the routes whose answer the ledger proves. Nothing in here is a permission: it is what the ledger
 * compares with the database before an answer leaves. Refusals are never remembered. A credential is known by its hash.
 */
@Injectable()
export class ClaimMemory {
  private readonly entries = new LRUCache<string, Remembered>({
    maxSize: MOST_BYTES,
    sizeCalculation: ({ rights }) => BYTES_OF_ONE + rights.holdings.length * BYTES_OF_A_HOLDING,
    ttl: KEEP_MS,
  });

  get bytes(): number {
    return this.entries.calculatedSize;
  }

  /** From another address it is another claim: a token may be bound to some. */
  static keyOf(credential: string, { ip }: Origin, need: string, place: string): string {
    return `${hash('sha256', credential, 'base64')} ${ip} ${need} ${place}`;
  }

  find(key: string, origin: Origin): Remembered | undefined {
    const found = this.entries.get(key);
    // The database's clock is asked as well; a session's token ends by ours.
    if (found === undefined || found.basis.until <= Date.now()) return undefined;
    return { ...found, caller: { ...found.caller, origin } };
  }

  keep(key: string, caller: Caller, scope: Scope, rights: Rights, stamp: Stamp): void {
    const basis = together(caller.basis, { stamps: [stamp], until: Infinity });
    this.entries.set(key, { caller, scope, rights, basis });
  }

  forget(key: string): void {
    this.entries.delete(key);
  }
}
