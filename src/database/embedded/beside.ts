// The embedded PostgreSQL for somebody who comes beside the service: the one that the service runs, or one of their own
// for the time of their work. Never two at once on one cluster.

import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startEmbeddedPostgres, urlOf } from '../embedded-postgres.js';
import type { EmbeddedPostgres } from '../embedded-postgres.js';
import { clusterIn, ownerOf, passwordOf, readyPort, servedBy } from './cluster.js';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';

const READY_WITHIN_MS = 30_000;

/** Whether there is an embedded database in a data directory. */
export async function hasEmbeddedPostgres(dataDir: string): Promise<boolean> {
  return (await ownerOf(clusterIn(resolve(dataDir)))) !== null;
}

/** Throws `EmbeddedPostgresError`. What `stop` ends is only what was started here. */
export async function joinEmbeddedPostgres(dataDir: string): Promise<EmbeddedPostgres> {
  const cluster = clusterIn(resolve(dataDir));
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const pid = await servedBy(cluster);
    if (pid === null) return startEmbeddedPostgres({ dataDir, log: () => undefined });
    const port = await readyPort(cluster);
    if (port !== null) {
      return { url: urlOf(await passwordOf(cluster), port), stop: () => Promise.resolve() };
    }
    if (Date.now() > deadline) {
      throw new EmbeddedPostgresError(
        `The embedded database in ${cluster.home} belongs to process ${String(pid)}, which has not made it ready. Look at that process’ log.`,
      );
    }
    await pause(100);
  }
}
