import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import pg from 'pg';
import { Client } from '../../support/client.js';
import { databaseUrl, serverUrl } from '../../support/postgres.js';
import { ServiceProcess } from '../../support/service-process.js';
import { World } from '../../support/world.js';
import { Coffer, type Ended } from './coffer.js';

/** Whose login the service and the command have: one that may look past every policy, or one that owns its database and no more. */
export type Login = 'superuser' | 'plain owner';

const QUIET = { COFFER_LOG_LEVEL: 'error', COFFER_RATE_LIMIT: 'off' };

/** A service as somebody runs it who has a PostgreSQL: its database, its root key, its process, and `coffer admin` beside it. */
export class Operated {
  readonly coffer: Coffer;
  #service: ServiceProcess | null = null;

  private constructor(
    readonly settings: Readonly<Record<string, string>>,
    /** A superuser's address of the same database, and a connection there. */
    readonly superuserUrl: string,
    readonly sql: pg.Client,
    private readonly name: string,
    private readonly owner: string | null,
  ) {
    this.coffer = new Coffer(settings);
  }

  /** A new, empty database; `rootKey` is base64. */
  static async prepare(login: Login, rootKey = makeRootKey()): Promise<Operated> {
    const name = `operated_${randomBytes(6).toString('hex')}`;
    const owner = login === 'plain owner' ? name : null;
    await asSuperuser(serverUrl(), async (sql) => {
      if (owner !== null)
        await sql.query(`create role ${owner} login password 'p'; grant coffer_app to ${owner}`);
      await sql.query(`create database ${name} ${owner === null ? '' : `owner ${owner}`}`);
    });
    const url = new URL(databaseUrl(serverUrl(), name));
    const superuserUrl = url.href;
    const sql = new pg.Client({ connectionString: superuserUrl });
    await sql.connect();
    sql.on('error', () => undefined);
    if (owner !== null) {
      url.username = owner;
      url.password = 'p';
    }
    return new Operated(
      { ...QUIET, COFFER_DATABASE_URL: url.href, COFFER_ROOT_KEY: rootKey },
      superuserUrl,
      sql,
      name,
      owner,
    );
  }

  static async start(login: Login, rootKey?: string): Promise<Operated> {
    const operated = await Operated.prepare(login, rootKey);
    await operated.serve();
    return operated;
  }

  /** Starts the service, or another node of it; `more` are settings on top. */
  async serve(more: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    this.#service = await ServiceProcess.start({ ...this.settings, ...more });
    return this.#service;
  }

  get service(): ServiceProcess {
    if (this.#service === null) throw new Error('the service was not started');
    return this.#service;
  }

  get world(): World {
    return new World({ as: (caller) => this.as(caller) });
  }

  as(caller: { token: string } | string | null, service = this.service): Client {
    return new Client(service.url, typeof caller === 'object' && caller !== null ? caller.token : caller);
  }

  admin(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Promise<Ended> {
    return this.coffer.run(['admin', ...args], { env });
  }

  /** A file in the home of the command. */
  file(name: string, content: string | Uint8Array): string {
    const path = this.coffer.path(name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  async close(): Promise<void> {
    await this.#service?.kill('SIGTERM');
    this.coffer.close();
    await this.sql.end();
    await asSuperuser(serverUrl(), async (sql) => {
      await sql.query(`drop database if exists ${this.name} with (force)`);
      if (this.owner !== null) await sql.query(`drop role if exists ${this.owner}`);
    });
  }
}

export function makeRootKey(): string {
  return randomBytes(32).toString('base64');
}

async function asSuperuser(url: string, work: (sql: pg.Client) => Promise<void>): Promise<void> {
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  try {
    await work(sql);
  } finally {
    await sql.end();
  }
}
