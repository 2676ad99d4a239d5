import { RateLimiterRes, RLWrapperTimeouts, type RateLimiterPostgres } from 'rate-limiter-flexible';
import { Unavailable } from '../errors/errors.js';

const PATIENCE_MS = 2_000;

/** How often something may happen for each key, whatever process it happens in: `points` in each window of `seconds`. */
export type Limit = Readonly<{ name: string; points: number; seconds: number }>;

/** A key after one more was counted: after how many whole seconds the next one will be if that was too many, else how its window stands. */
export type Counted = Readonly<{ wait: number } | { wait: null; used: number; until: number }>;

/** Counted by the database, each time: exact over any number of processes. */
export class SharedLimit {
  /** The counter has no deadline of its own: a database that hangs is one that cannot be reached. */
  private readonly limiter: RLWrapperTimeouts;

  constructor(limiter: RateLimiterPostgres) {
    this.limiter = new RLWrapperTimeouts({ limiter, timeoutMs: PATIENCE_MS });
  }

  /** Counts one. Returns null when it is within the limit, else after how many whole seconds the next one will be. */
  async take(key: string): Promise<number | null> {
    return (await this.count(key)).wait;
  }

  /** The same, with how many there were in this window, whichever process counted them, and when (milliseconds) it ends. */
  async count(key: string): Promise<Counted> {
    try {
      const { consumedPoints, msBeforeNext } = await this.limiter.consume(key);
      return { wait: null, used: consumedPoints, until: Date.now() + msBeforeNext };
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return { wait: wholeSeconds(refusal.msBeforeNext) };
      throw new Unavailable('database', refusal);
    }
  }

  /** Takes one back that was counted and should not have been. Never throws: one count too many is no reason to fail an answer. */
  async giveBack(key: string): Promise<void> {
    await this.limiter.reward(key).catch(() => undefined);
  }
}

export function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
