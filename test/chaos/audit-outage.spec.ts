import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { serverUrl } from '../support/postgres.js';
import type { Person } from '../support/world.js';

/** What may be late: the deadline of two seconds, and a busy machine. */
const LATE_MS = 6_000;

describe('when an audit record cannot be written', () => {
  let app: TestApp;
  let owner: Person;
  let asOwner: Client;
  let pipeline: Client;
  let neighbour: Client;
  const A = '/acme/web/envs/prod/secrets/A';

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    for (const org of ['acme', 'other']) {
      await app.world.org(org, owner);
      await (await app.world.environment(`${org}/web/prod`, owner)).secret('A', 'canary');
    }
    asOwner = app.as(owner);
    pipeline = app.as(await app.world.serviceToken(owner, 'consumer', 'acme/web'));
    neighbour = app.as(await app.world.serviceToken(owner, 'consumer', 'other/web'));
  });

  afterAll(() => app.close());

  async function expectClosed(): Promise<void> {
    const begun = Date.now();
    for (const answer of await Promise.all([
      pipeline.get(`${A}/value`),
      pipeline.get('/acme/web/envs/prod/values'),
      asOwner.get('/acme/web/envs/prod/secrets'),
      asOwner.put(`${A}/value`, { value: 'second' }),
      // A refusal that cannot be recorded is not told either.
      asOwner.get(`${A}/value`),
      asOwner.get('/orgs/acme/audit/export'),
    ])) {
      expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(answer.text).not.toContain('canary');
    }
    expect(Date.now() - begun).toBeLessThan(LATE_MS);
  }

  async function expectRecovered(): Promise<void> {
    const { body } = await pipeline.get(`${A}/value`).expect(200);
    expect(body).toEqual({ name: 'A', value: 'canary', version: 1 });
  }

  it('because the table refuses: nothing is read, nothing is changed, and it recovers by itself', async () => {
    await app.sql.query('revoke insert on org_events from coffer_app');
    await expectClosed();
    await app.sql.query('grant insert on org_events to coffer_app');
    await expectRecovered();
  });

  it('because the table of people refuses: nobody learns whose account there is, and no failure is counted', async () => {
    const guess = async (login: string): Promise<unknown[]> => {
      const { status, body } = await app
        .as(null)
        .post('/auth/login', { login, password: 'not the password' });
      return [status, body.code];
    };
    await app.sql.query('revoke insert on user_events from coffer_app');
    for (let time = 0; time < 6; time += 1) {
      expect(await guess('olivia')).toEqual([503, 'unavailable']);
      expect(await guess('nobody-of-that-name')).toEqual([503, 'unavailable']);
    }
    await app.sql.query('grant insert on user_events to coffer_app');
    expect(await guess('olivia')).toEqual([401, 'unauthorized']);
    expect(await guess('nobody-of-that-name')).toEqual([401, 'unauthorized']);
  });

  it('because the chain is held by somebody: within two seconds, and other organisations are not held up', async () => {
    const holder = new pg.Client({ connectionString: app.databaseUrl });
    await holder.connect();
    await holder.query('begin');
    await holder.query(
      `select 1 from org_chain_heads where org_id = (select org_id from org_slugs where slug = 'acme') for update`,
    );
    const closed = expectClosed();
    const begun = Date.now();
    await neighbour.get('/other/web/envs/prod/secrets/A/value').expect(200);
    expect(Date.now() - begun).toBeLessThan(1_500);
    await closed;
    await holder.query('rollback');
    await holder.end();
    await expectRecovered();
  });

  it('because the chain is held, however many wait for it: other organisations still have connections', async () => {
    const holder = new pg.Client({ connectionString: app.databaseUrl });
    await holder.connect();
    await holder.query('begin');
    await holder.query(
      `select 1 from org_chain_heads where org_id = (select org_id from org_slugs where slug = 'acme') for update`,
    );
    const held = Array.from({ length: 60 }, () => pipeline.get(`${A}/value`).then(({ status }) => status));
    await pause(300);
    for (let read = 0; read < 5; read += 1) {
      const begun = Date.now();
      await neighbour.get('/other/web/envs/prod/secrets/A/value').expect(200);
      expect(Date.now() - begun).toBeLessThan(1_500);
    }
    expect(new Set(await Promise.all(held))).toEqual(new Set([503]));
    await holder.query('rollback');
    await holder.end();
    await expectRecovered();
  });

  it('because every connection was cut: requests in flight are told, and the next ones are served', async () => {
    const reads = Array.from({ length: 20 }, () => pipeline.get(`${A}/value`).then(({ status }) => status));
    await app.sql.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'coffer' and datname = current_database()`,
    );
    for (const status of await Promise.all(reads)) expect([200, 503]).toContain(status);
    await expectRecovered();
  });

  it('because the database lets nobody in: 503, readiness says which part, and it recovers', async () => {
    const name = new URL(app.databaseUrl).pathname.slice(1);
    const server = new pg.Client({ connectionString: serverUrl() });
    await server.connect();
    await server.query(`alter database ${name} with allow_connections false`);
    await server.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'coffer' and datname = $1`,
      [name],
    );
    const answer = await pipeline.get(`${A}/value`);
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
    const ready = await app.as(null).get('/readyz').expect(503);
    expect(ready.body.details).toEqual([{ part: 'database' }]);
    await app.as(null).get('/healthz').expect(200);
    await server.query(`alter database ${name} with allow_connections true`);
    await server.end();
    await expectRecovered();
  });
});
