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
export interface ReadState extends ReadFacts {
  readonly basis: Basis;
  content(): Buffer;
}

export const MOST_BYTES = 64 * 1024 * 1024;
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
    sizeCalculation: ({ bytes }) => bytes,
  });

  /** How much is kept, as it is counted here. */
  get bytes(): number {
    return this.entries.calculatedSize;
  }

  /** `what` says which of an environment's reads it is. */
  find(environmentId: string, what: string): ReadState | undefined {
    return this.entries.get(`${environmentId}/${what}`);
  }

  /** Keeps what was read, and gives it back as read anew. `stamp` is the environment's, read no later than the content. */
  keep(environmentId: string, what: string, stamp: string, content: Buffer, facts: ReadFacts): ReadState {
    const place = `${environmentId}/${what}`;
    const basis = { stamps: [{ subject: environmentId, stamp }], until: Infinity };
    this.entries.set(place, new Kept(place, facts, basis, this.seal, content));
    return { ...facts, content: () => content, basis: READ_ANEW };
  }
}

/** Sealed from the moment on that it is kept; opened when its content is asked for. */
class Kept implements ReadState {
  readonly number: number;
  readonly list?: EventList;
  readonly missing?: readonly string[];
  private readonly sealed: Buffer;

  constructor(
    private readonly place: string,
    { number, list, missing }: ReadFacts,
    readonly basis: Basis,
    private readonly seal: ProcessSeal,
    content: Buffer,
  ) {
    this.number = number;
    if (list !== undefined) this.list = list;
    if (missing !== undefined) this.missing = missing;
    this.sealed = seal.seal(place, content);
  }

  content(): Buffer {
    return this.seal.open(this.place, this.sealed);
  }

  get bytes(): number {
    const names = (this.list?.secrets.length ?? 0) + (this.missing?.length ?? 0);
    return BYTES_OF_ONE + this.sealed.length + (this.list?.text.length ?? 0) + names * BYTES_OF_A_NAME;
  }
}
