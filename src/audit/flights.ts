import type { RecordableHistogram } from 'node:perf_hooks';
import { LRUCache } from 'lru-cache';
import { together } from '../access/basis.js';
import type { Database } from '../database/database.js';
import type { Addition, AheadAddition } from './event-columns.js';
import { additionAhead, additionOf } from './event-rows.js';
import { additionTo, lookForFlight, type Found } from './flush.js';
import type { Head } from './hash-chain.js';
import type { HeadSigner } from './head-signer.js';
import { byOrg, type WaitingRead } from './waiting-read.js';

/**
 * The two kinds of flush, each one transaction over all organisations of its batch. One looks first: it locks the chains, compares what the
 * reads rest on, and then writes. The other takes the chains to be where this node left them, and does all of it in one round trip. Both throw
 * what the database says; then nobody knows whether the records are there, until somebody looks behind the lock.
 */
export class Flights {
  /** Where the chains were when this node last wrote to them. */
  private readonly heads = new LRUCache<string, Head>({ max: 10_000 });

  constructor(
    private readonly database: Database,
    private readonly signer: HeadSigner,
    private readonly durations: RecordableHistogram,
  ) {}

  /** Records the reads of those organisations whose chains are known, are still there and rest on what is so. Returns the others. */
  async ahead(reads: readonly WaitingRead[], patienceMs: number): Promise<WaitingRead[]> {
    const begun = process.hrtime.bigint();
    const at = new Date().toISOString();
    const rest: WaitingRead[] = [];
    const sent: { addition: AheadAddition; ofOrg: WaitingRead[] }[] = [];
    for (const [owner, ofOrg] of byOrg(reads)) {
      const after = this.heads.get(owner);
      if (after === undefined) rest.push(...ofOrg);
      else sent.push({ addition: this.additionAfter(after, owner, ofOrg, at), ofOrg });
    }
    if (sent.length === 0) return rest;
    const additions = sent.map(({ addition }) => addition);
    const owners = additions.map(({ owner }) => owner);
    const statement = additionAhead(at, additions);
    const added = await this.database.forTrailsAhead<{ owner: string }>(owners, patienceMs, statement);
    const found = new Set(added.map(({ owner }) => owner));
    for (const { addition, ofOrg } of sent) {
      if (found.has(addition.owner)) {
        this.heads.set(addition.owner, addition.head);
        for (const read of ofOrg) read.recorded();
      } else {
        for (const read of ofOrg) read.sent = null;
        rest.push(...ofOrg);
      }
    }
    this.durations.record(process.hrtime.bigint() - begun);
    return rest;
  }

  /** Settles the reads of those organisations whose chains nobody else holds, or of all when it is to `wait` for them. Returns the others. */
  async looking(
    reads: readonly WaitingRead[],
    patienceMs: number,
    held: 'skip' | 'wait',
  ): Promise<WaitingRead[]> {
    const begun = process.hrtime.bigint();
    const open = byOrg(reads);
    const orgIds = [...open.keys()].sort();
    if (orgIds.length === 0) return [];
    const rest: WaitingRead[] = [];
    const recorded: WaitingRead[] = [];
    const additions: Addition[] = [];
    await this.database.forTrails(
      orgIds,
      patienceMs,
      (tx) => lookForFlight(tx, orgIds, [...open.values()].flat(), this.signer, held),
      (found) => {
        const at = new Date().toISOString();
        for (const [owner, ofOrg] of open) {
          const head = found.heads.get(owner);
          if (head === undefined) {
            rest.push(...ofOrg);
            continue;
          }
          const { there, holding } = this.sorted(ofOrg, head, found);
          recorded.push(...there, ...holding);
          if (holding.length > 0) additions.push(this.addition(head, owner, holding, at));
        }
        return additions.length === 0 ? null : additionOf(at, additions);
      },
    );
    for (const { owner, head } of additions) this.heads.set(owner, head);
    for (const read of recorded) read.recorded();
    this.durations.record(process.hrtime.bigint() - begun);
    return rest;
  }

  /** The reads of one chain: those whose records are there already, and those that hold. The others are told. */
  private sorted(
    reads: readonly WaitingRead[],
    head: Head,
    { holds, isThere }: Found,
  ): Readonly<{ there: WaitingRead[]; holding: WaitingRead[] }> {
    const there: WaitingRead[] = [];
    const holding: WaitingRead[] = [];
    const isOurs = this.signer.isOurs(head);
    for (const read of reads) {
      if (!isOurs) read.fail(`the head of ${read.orgId} is not signed by this service`);
      else if (isThere(read)) there.push(read);
      else if (holds(read.basis)) holding.push(read);
      else read.outdated();
    }
    return { there, holding };
  }

  private addition(after: Head, owner: string, reads: readonly WaitingRead[], at: string): Addition {
    const records = reads.map(({ record }) => record);
    const addition = additionTo(owner, after, records, at, this.signer);
    for (const [index, read] of reads.entries()) read.sent = addition.events[index] ?? null;
    return addition;
  }

  /** The chain's place is forgotten until the flight has landed: whoever comes meanwhile, or after a loss, looks. */
  private additionAfter(
    after: Head,
    owner: string,
    reads: readonly WaitingRead[],
    at: string,
  ): AheadAddition {
    this.heads.delete(owner);
    const basis = together(...reads.map((read) => read.basis));
    return { ...this.addition(after, owner, reads, at), after, basis };
  }
}
