import type { Database } from './database.js';
import { Settlement } from './settlement.js';
import { wholeSeconds, type Limit, type SharedLimit } from './shared-limit.js';
import { Tallies } from './tallies.js';

/**
 * A limit that is far above what most keys use. Far from it, a key is counted in memory and settled with the database in the background;
 * near it, and wherever memory does not know enough, the database counts each one. So it is exceeded at most by what the other processes
 * count between two settlements: at most a tenth of the limit by each.
 */
export class GenerousLimit {
  private readonly tallies: Tallies;
  private readonly settlement: Settlement;

  constructor(
    { name, points }: Limit,
    private readonly exact: SharedLimit,
    database: Database,
  ) {
    this.tallies = new Tallies(points);
    this.settlement = new Settlement(name, this.tallies, database);
  }

  /** Counts one, without a promise where memory knows enough. Null when it is within the limit, else the whole seconds until the next one. */
  take(key: string): null | Promise<number | null> {
    const tally = this.tallies.find(key);
    if (tally?.count(Date.now()) !== true) return this.ask(key);
    if (tally.isPressing) void this.settlement.now();
    return null;
  }

  /** Takes one back that was counted and should not have been: null when that is done already. Never throws. */
  giveBack(key: string): null | Promise<void> {
    return this.tallies.find(key)?.giveBack(Date.now()) === true ? null : this.exact.giveBack(key);
  }

  /** Settles what is left. */
  end(): Promise<void> {
    return this.settlement.end();
  }

  private async ask(key: string): Promise<number | null> {
    const counted = await this.exact.count(key);
    if (counted.wait !== null) {
      this.tallies.forget(key);
      return counted.wait;
    }
    const { used, until } = counted;
    const now = Date.now();
    const tally = this.tallies.of(key);
    tally.told(used, until, now);
    this.settlement.soon();
    return tally.isOver ? wholeSeconds(until - now) : null;
  }
}
