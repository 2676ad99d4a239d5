import { Injectable } from '@nestjs/common';
import type { Access, Need } from '../access/access.js';
import { READ_ANEW, together, type Basis } from '../access/basis.js';
import { Claim } from '../access/claim.js';
import { Database } from '../database/database.js';
import { Outdated } from '../database/stamps.js';
import { Shares } from '../database/shares.js';
import { CofferError, Unavailable } from '../errors/errors.js';
import type { AuditRecord } from './audit-event.js';
import { Audit, RECORD_DEADLINE_MS } from './audit.js';
import { Flights } from './flights.js';
import { HeadSigner } from './head-signer.js';
import { Lane } from './lane.js';
import { WaitingRead } from './waiting-read.js';

const MOST_IN_A_FLIGHT = 1_000;
/** A flight of many organisations is given up sooner: then each of them is on its own, and only the one in trouble is late. */
const PATIENCE_MS = 700;
const OWN_PATIENCE_MS = 1_500;
/** How long an organisation stays on its own after it was in trouble. */
const TROUBLE_MS = 5_000;
/** How many organisations on their own may have a connection at a time, of those in trouble and of the others. */
const OWN_FLIGHTS = 5;
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
  private readonly everybody = new Lane<WaitingRead>((reads) => this.fly(reads), MOST_IN_A_FLIGHT);
  /** Of organisations whose chain somebody else holds, or whose records could not be written: they delay nobody but themselves. */
  private readonly own = new Map<string, Lane<WaitingRead>>();
  private readonly trouble = new Map<string, number>();
  private readonly ownFlights = new Shares(OWN_FLIGHTS, RECORD_DEADLINE_MS);
  private readonly flights: Flights;
  /** The oldest first. */
  private readonly pending = new Set<WaitingRead>();
  private sweeper: NodeJS.Timeout | null = null;

  constructor(database: Database, audit: Audit, signer: HeadSigner) {
    this.flights = new Flights(database, signer, audit.durations);
  }

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
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      // What memory says must not be told: whether it is so, and whether the caller may know, is asked anew.
      return null;
    }
    return (await this.settle(access.org.id, done.record, together(basis, done.basis))) ? done : null;
  }

  /** Resolves with whether the basis held; then the record is durable, else there is none. Throws `Unavailable`. */
  private settle(orgId: string, record: AuditRecord, basis: Basis): Promise<boolean> {
    return new Promise((held, failed) => {
      const over = (one: WaitingRead): void => void this.pending.delete(one);
      const read = new WaitingRead(orgId, record, basis, { held, failed, over });
      this.pending.add(read);
      this.sweeper ??= setInterval(() => {
        this.sweep();
      }, SWEEP_MS).unref();
      this.laneOf(orgId).add(read);
    });
  }

  private laneOf(orgId: string): Lane<WaitingRead> {
    const own = this.own.get(orgId);
    if (own !== undefined) return own;
    const until = this.trouble.get(orgId);
    if (until === undefined) return this.everybody;
    if (until > Date.now()) return this.ownLane(orgId);
    this.trouble.delete(orgId);
    return this.everybody;
  }

  private ownLane(orgId: string): Lane<WaitingRead> {
    const known = this.own.get(orgId);
    if (known !== undefined) return known;
    const fly = (reads: readonly WaitingRead[]): Promise<void> => this.flyAlone(orgId, reads);
    const lane = new Lane<WaitingRead>(fly, MOST_IN_A_FLIGHT, () => this.own.delete(orgId));
    this.own.set(orgId, lane);
    return lane;
  }

  private async fly(reads: readonly WaitingRead[]): Promise<void> {
    try {
      const unknown = await this.flights.ahead(reads, PATIENCE_MS);
      const held = await this.flights.looking(unknown, PATIENCE_MS, 'skip');
      for (const read of held) this.ownLane(read.orgId).add(read);
    } catch (error) {
      // Whose fault it was shows when each organisation is on its own. What could not even begin is nobody's.
      for (const read of reads) {
        if (read.isSettled) continue;
        if (error instanceof CofferError) read.fail(error);
        else this.ownLane(read.orgId).add(read);
      }
    }
  }

  private async flyAlone(orgId: string, reads: readonly WaitingRead[]): Promise<void> {
    try {
      // Those in trouble have places of their own: whoever was only held up for a moment does not wait behind them.
      const kind = this.trouble.has(orgId) ? 'in trouble' : 'held up';
      await this.ownFlights.with(kind, () => this.flights.looking(reads, OWN_PATIENCE_MS, 'wait'));
      this.trouble.delete(orgId);
    } catch (error) {
      if (!(error instanceof CofferError)) this.trouble.set(orgId, Date.now() + TROUBLE_MS);
      for (const read of reads) read.fail(error);
    }
  }

  /** Who has waited too long is told. */
  private sweep(): void {
    const oldest = Date.now() - RECORD_DEADLINE_MS;
    for (const read of this.pending) {
      if (read.since > oldest) break;
      read.fail('the record was not written in time');
    }
    if (this.pending.size > 0 || this.sweeper === null) return;
    clearInterval(this.sweeper);
    this.sweeper = null;
  }
}
