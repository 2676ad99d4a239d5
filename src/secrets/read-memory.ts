import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { READ_ANEW, type Basis } from '../access/basis.js';
import type { EventList } from '../audit/event-list.js';
import { ProcessSeal } from '../crypto/process-seal.js';

/** What is known of a read's answer without opening it. */
export type ReadFacts = Readonly<{
  /** The environment's revision, or the version of the one value that was read. */
  number: number;
  /** The secrets whose values are in the content, where there can be many. */
  list?: EventList;
  /** The names that are declared and have no value. */
  missing?: readonly string[];
}>;

/** `content` is the answer, JSON in UTF-8; `basis` what it rests on. */
export type ReadState = ReadFacts & Readonly<{ content: () => Buffer; basis: Basis }>;

type Kept = Readonly<{ facts: ReadFacts; sealed: Buffer; basis: Basis }>;

const MOST_BYTES = 64 * 1024 * 1024;
const BYTES_OF_ONE = 1_024;
const BYTES_OF_A_NAME = 128;

/**
 * What was read of environments lately, for reads that the ledger proves. It stays sealed under a key of this process alone until it is
 * answered, and everything of one environment goes stale with its stamp. Bounded by bytes; what was not used for longest goes first.
 */
@Injectable()
export class ReadMemory {
  private readonly seal = new ProcessSeal();
  private readonly entries = new LRUCache<string, Kept>({
    maxSize: MOST_BYTES,
    sizeCalculation: ({ sealed, facts: { list, missing = [] } }) =>
      BYTES_OF_ONE +
      sealed.length +
      (list?.text.length ?? 0) +
      ((list?.secrets.length ?? 0) + missing.length) * BYTES_OF_A_NAME,
  });

  /** `what` says which of an environment's reads it is. */
  find(environmentId: string, what: string): ReadState | undefined {
    const place = `${environmentId}/${what}`;
    const kept = this.entries.get(place);
    if (kept === undefined) return undefined;
    const { facts, sealed, basis } = kept;
    return { ...facts, content: () => this.seal.open(place, sealed), basis };
  }

  /** Keeps what was read, and gives it back as read anew. `stamp` is the environment's, read no later than the content. */
  keep(environmentId: string, what: string, stamp: string, content: Buffer, facts: ReadFacts): ReadState {
    const place = `${environmentId}/${what}`;
    const basis = { stamps: [{ subject: environmentId, stamp }], until: Infinity };
    this.entries.set(place, { facts, sealed: this.seal.seal(place, content), basis });
    return { ...facts, content: () => content, basis: READ_ANEW };
  }
}
