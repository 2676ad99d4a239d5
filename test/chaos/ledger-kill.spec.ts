import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { AuditEvent } from '../../src/audit/audit-event.js';
import { hashOf } from '../../src/audit/hash-chain.js';
import { Client } from '../support/client.js';
import { createDatabase, type TestDatabase } from '../support/postgres.js';
import { ServiceProcess } from '../support/service-process.js';
import { World } from '../support/world.js';

const READERS = 20;
const ROUNDS = 3;

describe('kill -9 under read load', () => {
  let database: TestDatabase;
  let sql: pg.Client;
  const settings = { COFFER_RATE_LIMIT: 'off', COFFER_LOG_LEVEL: 'error' };
  const start = () =>
    ServiceProcess.start({ ...settings, COFFER_DATABASE_URL: database.url, COFFER_ROOT_KEY: rootKey });
  const rootKey = randomBytes(32).toString('base64');

  beforeAll(async () => {
    database = await createDatabase();
    sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
  });

  afterAll(async () => {
    await sql.end();
    await database.drop();
  });

  it('leaves the record of every value that was answered, once, in a chain without a gap', async () => {
    let service = await start();
    const as = (token: { token: string } | string | null): Client =>
      new Client(service.url, typeof token === 'object' && token !== null ? token.token : token);
    const world = new World({ as });
    const owner = await world.user('olivia');
    await world.org('acme', owner);
    await (await world.environment('acme/web/prod', owner)).secret('A', 'value');
    const { token } = await world.serviceToken(owner, 'consumer', 'acme/web');

    const answered: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = answered.length;
      const reading = Array.from({ length: READERS }, () => readUntilItEnds(as(token), answered));
      while (answered.length < before + 200) await pause(10);
      await pause(Math.random() * 100);
      await service.kill('SIGKILL');
      await Promise.all(reading);
      service = await start();
    }

    const { rows } = await sql.query<{ request_id: string; times: number }>(
      `select request_id, count(*)::integer as times from org_events where action = 'secret.value-get' group by request_id`,
    );
    const times = new Map(rows.map((row) => [row.request_id, row.times]));
    expect(answered.filter((id) => times.get(id) !== 1)).toEqual([]);
    const { text } = await as(owner).get('/orgs/acme/audit/export').buffer(true).expect(200);
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditEvent);
    events.forEach((event, index) => {
      expect([event.seq, event.hash]).toEqual([index + 1, hashOf(event)]);
      if (index > 0) expect(event.prevHash).toBe(events[index - 1]?.hash);
    });
    await service.kill('SIGTERM');
  }, 120_000);
});

/** Notes the request ids of the answers that came. */
async function readUntilItEnds(client: Client, answered: string[]): Promise<void> {
  for (;;) {
    try {
      const { status, headers, body } = await client.get('/acme/web/envs/prod/secrets/A/value');
      if (status === 200 && body.value === 'value') answered.push(headers['x-request-id'] as string);
    } catch {
      return;
    }
  }
}
