import { Injectable } from '@nestjs/common';
import { RateLimiterPostgres, RateLimiterRes, RLWrapperTimeouts } from 'rate-limiter-flexible';
import { DataSource } from 'typeorm';
import { Unavailable } from '../errors/errors.js';

const PATIENCE_MS = 2_000;

/** How often something may happen for each key, whatever process it happens in: `points` in each window of `seconds`. */
export type Limit = Readonly<{ name: string; points: number; seconds: number }>;

/** Counters in PostgreSQL, so that a limit is exact over any number of processes. Its table is unlogged: a crash forgets counts only. */
@Injectable()
export class SharedLimits {
  constructor(private readonly dataSource: DataSource) {}

  of(limit: Limit): SharedLimit {
    return new SharedLimit(
      new RateLimiterPostgres({
        storeClient: this.dataSource,
        storeType: 'typeorm',
        tableName: 'rate_limits',
        tableCreated: true,
        keyPrefix: limit.name,
        points: limit.points,
        duration: limit.seconds,
        // Who is over the limit is refused from memory until the window ends: a flood costs no query.
        inMemoryBlockOnConsumed: limit.points + 1,
      }),
    );
  }
}

export class SharedLimit {
  /** The counter has no deadline of its own: a database that hangs is one that cannot be reached. */
  private readonly limiter: RLWrapperTimeouts;

  constructor(limiter: RateLimiterPostgres) {
    this.limiter = new RLWrapperTimeouts({ limiter, timeoutMs: PATIENCE_MS });
  }

  /** Counts one. Returns null when it is within the limit, else after how many whole seconds the next one will be. */
  async take(key: string): Promise<number | null> {
    try {
      await this.limiter.consume(key);
      return null;
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
      throw new Unavailable('database', refusal);
    }
  }

  /** Takes one back that was counted and should not have been. Never throws: one count too many is no reason to fail an answer. */
  async giveBack(key: string): Promise<void> {
    await this.limiter.reward(key).catch(() => undefined);
  }
}
