// Everything that a benchmark runs on: a PostgreSQL of its own, as durable as the one that `npm start` runs, and around
// it one process each for the service, for the floors and for the load. All of it goes when the benchmark ends.

import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { LocalKeyProvider } from '../src/crypto/local-key.provider.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/database/embedded-postgres.js';
import { migrate } from '../src/database/migrate.js';
import { ServiceProcess } from '../test/support/service-process.js';
import { Child } from './child.js';
import { layDataSet, type DataSet, type Shape } from './data-set.js';
import { floorFacts, startFloor } from './floor.js';
import { FLOOR_TABLES } from './floor-writes.js';
import type { Job, Measured } from './load.js';

/** A database with a data set, and a service that works on it. */
export type Site = Readonly<{ databaseUrl: string; data: DataSet; service: ServiceProcess }>;

export class Stage {
  readonly load: Child<Job, Measured> = Child.start('load-process.ts');
  private readonly rootKey = randomBytes(32);
  private readonly endings: (() => Promise<unknown>)[] = [() => this.load.end()];

  private constructor(private readonly postgres: EmbeddedPostgres) {}

  static async open(): Promise<Stage> {
    const directory = await mkdtemp(join(await realpath(tmpdir()), 'coffer-bench-'));
    const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
    try {
      const postgres = await startEmbeddedPostgres({ dataDir: directory, log: () => undefined });
      const stage = new Stage(postgres);
      stage.endings.unshift(remove, () => postgres.stop());
      return stage;
    } catch (error) {
      await remove();
      throw error;
    }
  }

  /** A new database with organisations of these shapes. `flags` are those of the service's node. */
  async addSite(database: string, shapes: readonly Shape[], flags: readonly string[] = []): Promise<Site> {
    const url = new URL(this.postgres.url);
    await execute(url.href, `create database ${database}`);
    url.pathname = `/${database}`;
    await migrate(url.href);
    const data = await layDataSet(url.href, new LocalKeyProvider(this.rootKey), shapes);
    const settings = {
      COFFER_DATABASE_URL: url.href,
      COFFER_ROOT_KEY: this.rootKey.toString('base64'),
      COFFER_RATE_LIMIT: 'off',
      COFFER_LOG_LEVEL: 'warn',
    };
    const service = await ServiceProcess.start(settings, flags);
    this.endings.push(() => service.kill('SIGTERM'));
    return { databaseUrl: url.href, data, service };
  }

  /** Starts the floors on the rows of a site. Returns where they listen. */
  async addFloor(site: Site): Promise<string> {
    await execute(site.databaseUrl, FLOOR_TABLES);
    const floor = startFloor();
    this.endings.push(() => floor.end());
    const { url } = await floor.ask(floorFacts(site.databaseUrl, site.data));
    return url;
  }

  /** Makes whatever is under way fail at once, so that it comes to `close`. */
  async interrupt(): Promise<void> {
    await Promise.all([this.load.end(), this.postgres.stop()]);
  }

  async close(): Promise<void> {
    for (const end of this.endings.splice(0).reverse()) await end();
  }
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
