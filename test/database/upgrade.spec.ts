// A database that served an earlier version and holds its records goes on with this one, whoever owns it.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { EVENT_COLUMNS } from '../../src/audit/audit-event.view.js';
import { trailStatement } from '../../src/audit/trail-statement.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { migrate, MIGRATIONS } from '../../src/database/migrate.js';

const ORG = '6efe67b5-5a56-4f52-8720-52f8e70670a2';
const OTHER = '7efe67b5-5a56-4f52-8720-52f8e70670a2';
const SECRETS = [
  { secret: 'A', version: 1 },
  { secret: 'B', version: 2 },
];

let directory: string;
let server: EmbeddedPostgres;
let admin: Client;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coffer-upgrade-'));
  server = await startEmbeddedPostgres({ dataDir: directory, durable: false, log: () => undefined });
  admin = new Client({ connectionString: server.url });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

describe.each(['superuser', 'nosuperuser createrole'])('a database of a login that is %s', (rights) => {
  const name = rights.split(' ')[0] ?? '';
  let sql: Client;

  beforeAll(async () => {
    await admin.query(`create role ${name} login password 'p' ${rights}`);
    await admin.query(`create database ${name} owner ${name}`);
    const url = new URL(server.url);
    url.username = name;
    url.password = 'p';
    url.pathname = `/${name}`;
    const before = MIGRATIONS.findIndex((one) => one.name.startsWith('SharedFlush'));
    await run(url.href, before);
    sql = new Client({ connectionString: Object.assign(new URL(server.url), { pathname: `/${name}` }).href });
    await sql.connect();
    for (const org of [ORG, OTHER]) await layEvents(sql, org);
    await migrate(url.href);
  });

  afterAll(() => sql.end());

  it('shows every record with all that it named', async () => {
    const { rows } = await sql.query<{ resource: object }>(
      `select ${EVENT_COLUMNS.org} from org_events where org_id = $1 order by seq`,
      [ORG],
    );
    expect(rows.map(({ resource }) => resource)).toEqual([
      { project: 'web', environment: 'prod', secret: 'A', version: 1 },
      { project: 'web', environment: 'prod', secrets: SECRETS },
      { project: 'web', environment: 'prod', secrets: SECRETS },
      { org: 'acme' },
    ]);
  });

  it.each([
    [{}, [4, 3, 2, 1]],
    [{ actor: 'olivia' }, [4]],
    [{ actor: 'token-id' }, [3, 2, 1]],
    [{ action: 'values.get' }, [3, 2]],
    [{ outcome: 'denied' as const }, [4]],
    [{ project: 'web', environment: 'prod' }, [3, 2, 1]],
    [{ secret: 'A' }, [3, 2, 1]],
    [{ secret: 'B', actor: 'robot' }, [3, 2]],
  ])('finds its records by %j', async (query, seqs) => {
    const nowhere = { after: null, before: null };
    const { text, parameters } = trailStatement({ kind: 'org', id: ORG }, query, nowhere, 100);
    const { rows } = await sql.query<{ seq: string }>(text, parameters);
    expect(rows.map(({ seq }) => Number(seq))).toEqual(seqs);
  });
});

async function run(url: string, first: number): Promise<void> {
  const migrations = MIGRATIONS.slice(0, first);
  const dataSource = new DataSource({ type: 'postgres', url, migrations, installExtensions: false });
  await dataSource.initialize();
  await dataSource.runMigrations({ transaction: 'all' });
  await dataSource.destroy();
}

/** As the version before the ledger wrote them. */
async function layEvents(sql: Client, org: string): Promise<void> {
  const robot = ['service-token', 'token-id', 'robot'];
  const place = { project: 'web', environment: 'prod' };
  const events = [
    [
      ...robot,
      'secret.value-get',
      'allowed',
      'web',
      'prod',
      'A',
      false,
      { ...place, secret: 'A', version: 1 },
    ],
    [...robot, 'values.get', 'allowed', 'web', 'prod', null, true, { ...place, secrets: SECRETS }],
    [...robot, 'values.get', 'allowed', 'web', 'prod', null, true, { ...place, secrets: SECRETS }],
    ['user', 'user-id', 'olivia', 'org.update', 'denied', null, null, null, false, { org: 'acme' }],
  ];
  for (const [index, event] of events.entries()) {
    await sql.query(
      `insert into org_events (org_id, seq, at, ip, user_agent, request_id, prev_hash, hash, actor_type, actor_id, actor_name, action,
         outcome, project, environment, secret, many, resource)
       values ($1, $2, now(), '127.0.0.1', 'agent', 'request', '', '', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [org, index + 1, ...event],
    );
  }
}
