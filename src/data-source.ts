import type { LoggerService } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** A login that serves needs no more than this many connections for each process. */
const POOL_SIZE = 20;

/**
 * The pool that the service works through. Every connection opens as `coffer_app`, which owns nothing and is subject to every policy:
 * the role is a start-up option, so that even `RESET ROLE` leads back to it.
 */
export function serviceDataSource(url: string, log: LoggerService): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    synchronize: false,
    installExtensions: false,
    applicationName: 'coffer',
    poolSize: POOL_SIZE,
    connectTimeoutMS: 2_000,
    extra: {
      options:
        '-c role=coffer_app -c lock_timeout=5000 -c statement_timeout=8000 -c idle_in_transaction_session_timeout=15000',
      keepAlive: true,
      // Statements that do not wait for each other's answers are sent together.
      pipeline: true,
    },
    logging: false,
    // An idle connection that the server ends is replaced at the next use.
    poolErrorHandler: (error: unknown) => {
      log.warn({ message: 'An idle database connection was lost.', cause: String(error) }, 'database');
    },
  });
}
