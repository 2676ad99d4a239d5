import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Access, Need } from '../access/access.js';
import { READ_ANEW, together, type Basis } from '../access/basis.js';
import { Claim } from '../access/claim.js';
import { Database } from '../database/database.js';
import { Outdated } from '../database/stamps.js';
import { Shares } from '../database/shares.js';
import { CofferError, Unavailable } from '../errors/errors.js';
import type { AuditRecord } from './audit-event.js';
import { Audit, RECORD_DEADLINE_MS } from './audit.js';
import { additionAhead, additionOf, type Addition, type AheadAddition } from './event-rows.js';
import { additionTo, findFlush, type Entry, type Found } from './flush.js';
import type { Head, Link } from './hash-chain.js';
import { HeadSigner } from './head-signer.js';
import { Lane } from './lane.js';

const MOST_IN_A_FLIGHT = 1_000;
/** A flight of many organisations is given up sooner: then each of them is on its own, and only the one in trouble is late. */
const PATIENCE_MS = 700;
const OWN_PATIENCE_MS = 1_500;
/** How long an organisation stays on its own after it was in trouble. */
const TROUBLE_MS = 5_000;
/** How many organisations on their own may have a connection at a time: fewer than half of the pool. */
const OWN_FLIGHTS = 8;
const SWEEP_MS = 100;

/** What a read has come to: its answer, the record of it, and what of it was remembered. */
export type ReadDone<T> = Readonly<{ answer: T; record: AuditRecord; basis: Basis }>;

/**
 * Lets reads be answered from memory and be on record before they are: one shared flush, a single transaction over all organisations that
 * read at the moment, locks their chains, compares what the reads rest on with the database, and writes their records. So one round trip
 * proves that a read was still allowed and still true, and makes it durable. What does not hold is done once more without memory; what is
 * not on record within two seconds is not answered.
 */
@Injectable()
export class Ledger {
  private readonly everybody = new Lane<Waiting>((all) => this.fly(all), MOST_IN_A_FLIGHT);
  /** Of organisations whose chain somebody else holds, or whose records could not be written: they delay nobody but themselves. */
  private readonly own = new Map<string, Lane<Waiting>>();
  private readonly trouble = new Map<string, number>();
  /** Where the chains were when this node last wrote to them. */
  private readonly heads = new LRUCache<string, Head>({ max: 10_000 });
  private readonly ownFlights = new Shares(OWN_FLIGHTS, RECORD_DEADLINE_MS);
  /** The oldest first. */
  private readonly pending = new Set<Waiting>();
  private sweeper: NodeJS.Timeout | null = null;

  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly signer: HeadSigner,
  ) {}

  /**
   * Does a read: first with what is remembered, and when that does not hold, or when anything but an answer comes of it, with what the
   * database says now. `work` may run twice; the second time it must read everything `anew`.
   */
  async read<P extends Need, T>(
    claim: Claim<P>,
    work: (access: Access<P>, anew: boolean) => Promise<ReadDone<T>>,
  ): Promise<T> {
    const first = await this.attempt(claim, work);
    if (first !== null) return first.answer;
    const access = await claim.prove();
    const { answer, record } = await work(access, true);
    await this.settle(access.org.id, record, READ_ANEW);
    return answer;
  }

  /**
   * Does a change, whose record stands in its own transaction: with a right that is remembered, if `work` has its transaction expect the
   * basis of it; when that is outdated, with what the database says now.
   */
  async change<P extends Need, T>(
    claim: Claim<P>,
    work: (access: Access<P>, basis: Basis) => Promise<T>,
  ): Promise<T> {
    const { access, basis } = Claim.open(claim);
    try {
      return await work(access, basis);
    } catch (error) {
      if (!(error instanceof Outdated)) throw error;
    }
    return work(await claim.prove(), READ_ANEW);
  }

  private async attempt<P extends Need, T>(
    claim: Claim<P>,
    work: (access: Access<P>, anew: boolean) => Promise<ReadDone<T>>,
  ): Promise<ReadDone<T> | null> {
    const { access, basis } = Claim.open(claim);
    let done: ReadDone<T>;
    try {
      done = await work(access, false);
    } catch {
      // What memory says must not be told: whether it is so, and whether the caller may know, is asked anew.
      return null;
    }
    return (await this.settle(access.org.id, done.record, together(basis, done.basis))) ? done : null;
  }

  /** Resolves with whether the basis held; then the record is durable, else there is none. Throws `Unavailable`. */
  private settle(orgId: string, record: AuditRecord, basis: Basis): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { orgId, record, basis, sent: null, since: Date.now(), resolve, reject };
      this.pending.add(waiting);
      this.sweeper ??= setInterval(() => {
        this.sweep();
      }, SWEEP_MS).unref();
      this.laneOf(orgId).add(waiting);
    });
  }

  private laneOf(orgId: string): Lane<Waiting> {
    const own = this.own.get(orgId);
    if (own !== undefined) return own;
    const until = this.trouble.get(orgId);
    if (until === undefined) return this.everybody;
    if (until > Date.now()) return this.ownLane(orgId);
    this.trouble.delete(orgId);
    return this.everybody;
  }

  private ownLane(orgId: string): Lane<Waiting> {
    const known = this.own.get(orgId);
    if (known !== undefined) return known;
    const fly = (all: readonly Waiting[]): Promise<void> => this.flyAlone(orgId, all);
    const lane = new Lane<Waiting>(fly, MOST_IN_A_FLIGHT, () => this.own.delete(orgId));
    this.own.set(orgId, lane);
    return lane;
  }

  private async fly(all: readonly Waiting[]): Promise<void> {
    try {
      const rest = await this.flyAhead(all);
      if (rest.length === 0) return;
      const orgIds = [...new Set(rest.map(({ orgId }) => orgId))].sort();
      const { heads } = await this.flush(orgIds, rest, PATIENCE_MS, 'skip');
      for (const one of rest) if (!heads.has(one.orgId)) this.ownLane(one.orgId).add(one);
    } catch (error) {
      // Whose fault it was shows when each organisation is on its own. What could not even begin is nobody's.
      for (const one of all) {
        if (error instanceof CofferError) this.fail(one, error);
        else this.ownLane(one.orgId).add(one);
      }
    }
  }

  /**
   * One round trip for those chains that nobody but this node wrote to since it last did: their next links are worked out before anything
   * is asked. Returns what is left for a flight that looks first.
   */
  private async flyAhead(all: readonly Waiting[]): Promise<Waiting[]> {
    const rest: Waiting[] = [];
    const known: { after: Head; entries: Waiting[]; addition: AheadAddition }[] = [];
    const at = new Date().toISOString();
    for (const [orgId, entries] of byOrg(all.filter((one) => this.pending.has(one)))) {
      const after = this.heads.get(orgId);
      if (after === undefined) {
        rest.push(...entries);
        continue;
      }
      this.heads.delete(orgId);
      const records = entries.map(({ record }) => record);
      const basis = together(...entries.map((one) => one.basis));
      const addition = { ...additionTo(orgId, after, records, at, this.signer), after, basis };
      for (const [index, one] of entries.entries()) one.sent = addition.events[index] ?? null;
      known.push({ after, entries, addition });
    }
    if (known.length === 0) return rest;
    const begun = process.hrtime.bigint();
    known.sort((a, b) => (a.addition.owner < b.addition.owner ? -1 : 1));
    const additions = known.map(({ addition }) => addition);
    const orgIds = additions.map(({ owner }) => owner);
    const added = await this.database.forTrailsAhead<{ owner: string }>(
      orgIds,
      PATIENCE_MS,
      additionAhead(at, additions),
    );
    const owners = new Set(added.map(({ owner }) => owner));
    for (const { addition, entries } of known) {
      if (!owners.has(addition.owner)) {
        for (const one of entries) one.sent = null;
        rest.push(...entries);
        continue;
      }
      this.heads.set(addition.owner, addition.head);
      for (const one of entries) this.finish(one, true);
    }
    this.audit.durations.record(process.hrtime.bigint() - begun);
    return rest;
  }

  private async flyAlone(orgId: string, all: readonly Waiting[]): Promise<void> {
    try {
      await this.ownFlights.with('all', () => this.flush([orgId], all, OWN_PATIENCE_MS, 'wait'));
      this.trouble.delete(orgId);
    } catch (error) {
      this.trouble.set(orgId, Date.now() + TROUBLE_MS);
      for (const one of all) this.fail(one, error);
    }
  }

  /** One transaction: locks, compares, links, writes. Settles everything of those organisations whose chains it could lock. */
  private async flush(
    orgIds: readonly string[],
    all: readonly Waiting[],
    patienceMs: number,
    held: 'skip' | 'wait',
  ): Promise<Found> {
    const begun = process.hrtime.bigint();
    const open = all.filter((one) => this.pending.has(one));
    const recorded: Waiting[] = [];
    const additions: Addition[] = [];
    const found = await this.database.forTrails(
      orgIds,
      patienceMs,
      (tx) => findFlush(tx, orgIds, open, this.signer, held),
      ({ heads, holds, isThere }) => {
        const at = new Date().toISOString();
        for (const [orgId, ofOrg] of byOrg(open)) {
          const head = heads.get(orgId);
          if (head === undefined) continue;
          if (!this.signer.isOurs(head)) {
            for (const one of ofOrg) this.fail(one, `the head of ${orgId} is not signed by this service`);
            continue;
          }
          const holding: Waiting[] = [];
          for (const one of ofOrg) {
            if (isThere(one)) recorded.push(one);
            else if (holds(one.basis)) holding.push(one);
            else this.finish(one, false);
          }
          if (holding.length === 0) continue;
          recorded.push(...holding);
          const records = holding.map(({ record }) => record);
          const addition = additionTo(orgId, head, records, at, this.signer);
          for (const [index, one] of holding.entries()) one.sent = addition.events[index] ?? null;
          additions.push(addition);
        }
        return additions.length === 0 ? null : additionOf(at, additions);
      },
    );
    for (const one of recorded) this.finish(one, true);
    for (const { owner, head } of additions) this.heads.set(owner, head);
    this.audit.durations.record(process.hrtime.bigint() - begun);
    return found;
  }

  private finish(one: Waiting, held: boolean): void {
    this.pending.delete(one);
    one.resolve(held);
  }

  private fail(one: Waiting, cause: unknown): void {
    this.pending.delete(one);
    one.reject(cause instanceof CofferError ? cause : new Unavailable('audit', cause));
  }

  /** Who has waited too long is told. If its record is written all the same, it tells of a read that nobody got. */
  private sweep(): void {
    const oldest = Date.now() - RECORD_DEADLINE_MS;
    for (const one of this.pending) {
      if (one.since > oldest) break;
      this.fail(one, 'the record was not written in time');
    }
    if (this.pending.size > 0 || this.sweeper === null) return;
    clearInterval(this.sweeper);
    this.sweeper = null;
  }
}

type Waiting = Entry & {
  sent: Link | null;
  readonly since: number;
  readonly resolve: (held: boolean) => void;
  readonly reject: (error: Error) => void;
};

function byOrg(all: readonly Waiting[]): Map<string, Waiting[]> {
  const found = new Map<string, Waiting[]>();
  for (const one of all) {
    const ofOrg = found.get(one.orgId);
    if (ofOrg === undefined) found.set(one.orgId, [one]);
    else ofOrg.push(one);
  }
  return found;
}
