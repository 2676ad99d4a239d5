import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { readConfig, type Config } from '../../src/config/config.js';
import { createApp } from '../../src/create-app.js';
import { LocalKeyProvider } from '../../src/crypto/local-key.provider.js';
import type { KeyProvider } from '../../src/crypto/key-provider.js';
import { serviceDataSource } from '../../src/data-source.js';
import { JsonLog } from '../../src/http/log.js';
import { Client } from './client.js';
import { createDatabase } from './postgres.js';
import { World } from './world.js';

/** The real service on a database of its own, listening on a free port of loopback. */
export class TestApp {
  private constructor(
    readonly app: NestFastifyApplication,
    readonly url: string,
    readonly databaseUrl: string,
    readonly rootKey: Uint8Array,
    readonly log: string[],
    /** A superuser's connection: it sees every row and may break every rule. */
    readonly sql: pg.Client,
    private readonly end: () => Promise<void>,
  ) {}

  static async start(options: Options = {}): Promise<TestApp> {
    const database = options.database ?? (await createDatabase());
    const rootKey = options.rootKey ?? randomBytes(32);
    const config: Config = { ...readConfig({ COFFER_RATE_LIMIT: 'off' }), ...options.config };
    const log: string[] = [];
    const json = new JsonLog(options.config?.logLevel ?? 'trace', { write: (line) => void log.push(line) });
    const dataSource = await serviceDataSource(database.url, json).initialize();
    const keyProvider = options.keyProvider ?? new LocalKeyProvider(rootKey);
    const app = await createApp({ config, dataSource, keyProvider }, json);
    await app.listen(0, '127.0.0.1');
    const sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
    sql.on('error', () => undefined);
    return new TestApp(app, await app.getUrl(), database.url, rootKey, log, sql, async () => {
      await sql.end();
      await app.close();
      if (dataSource.isInitialized) await dataSource.destroy();
      if (options.database === undefined) await database.drop();
    });
  }

  get server(): Server {
    return this.app.getHttpServer();
  }

  as(caller: { token: string } | string | null): Client {
    const credential = typeof caller === 'object' && caller !== null ? caller.token : caller;
    return new Client(this.server, credential);
  }

  get world(): World {
    return new World(this);
  }

  /** The events of an organisation's trail, the oldest first, as the database has them. */
  async events(org: string): Promise<EventRow[]> {
    const { rows } = await this.sql.query<EventRow>(
      `select action, outcome, actor_type, actor_name, request_id,
         case when list is null then resource else resource || jsonb_build_object('secrets', l.secrets) end as resource
       from org_events e left join lateral (
         select secrets from org_event_lists l where l.org_id = e.org_id and l.digest = e.list) l on true
       where org_id = (select org_id from org_slugs where slug = $1) order by seq`,
      [org],
    );
    return rows;
  }

  close(): Promise<void> {
    return this.end();
  }
}

type Options = {
  config?: Partial<Config>;
  rootKey?: Uint8Array;
  keyProvider?: KeyProvider;
  /** A database that another one uses too: for a second node. */
  database?: { url: string; drop(): Promise<void> };
};

export type EventRow = {
  action: string;
  outcome: 'allowed' | 'denied';
  actor_type: string;
  actor_name: string | null;
  resource: Record<string, unknown>;
  request_id: string;
};
