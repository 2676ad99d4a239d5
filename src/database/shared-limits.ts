import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { RateLimiterPostgres } from 'rate-limiter-flexible';
import { DataSource } from 'typeorm';
import { Database } from './database.js';
import { GenerousLimit } from './generous-limit.js';
import { SharedLimit, type Limit } from './shared-limit.js';

/** Counters in PostgreSQL, so that a limit holds over any number of processes. Its table is unlogged: a crash forgets counts only. */
@Injectable()
export class SharedLimits implements OnApplicationShutdown {
  private readonly settled: GenerousLimit[] = [];

  constructor(
    private readonly dataSource: DataSource,
    private readonly database: Database,
  ) {}

  /** One that is exact, always: each count is a query. */
  exact(limit: Limit): SharedLimit {
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

  /** One that hardly anybody comes near: until then, what is counted costs no query of its own. */
  generous(limit: Limit): GenerousLimit {
    const generous = new GenerousLimit(limit, this.exact(limit), this.database);
    this.settled.push(generous);
    return generous;
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.settled.map((limit) => limit.end()));
  }
}
