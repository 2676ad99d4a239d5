import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { SETTLE_MS } from '../../src/database/settlement.js';
import { FRESH_MS } from '../../src/database/tally.js';
import { ADDRESS_LIMIT, CREDENTIAL_LIMIT } from '../../src/http/rate-limit.js';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { createDatabase, type TestDatabase } from '../support/postgres.js';
import type { Person } from '../support/world.js';

const VALUE = '/acme/web/envs/prod/secrets/A/value';

/** Far from a limit requests are counted in memory and settled with the database twice a second. */
describe('rate limits that are far away', () => {
  let database: TestDatabase;
  let nodes: [TestApp, TestApp];
  let sql: pg.Client;
  let owner: Person;

  beforeAll(async () => {
    database = await createDatabase();
    const first = await TestApp.start({ database, config: { rateLimit: true } });
    const second = await TestApp.start({ database, rootKey: first.rootKey, config: { rateLimit: true } });
    nodes = [first, second];
    sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
    owner = await first.world.user('olivia');
    await first.world.org('acme', owner);
    await (await first.world.environment('acme/web/prod', owner)).secret('A', 'a');
  });

  afterAll(async () => {
    await sql.end();
    await Promise.all(nodes.map((node) => node.close()));
    await database.drop();
  });

  type Reader = Readonly<{ id: string; at: [Client, Client] }>;

  async function newReader(): Promise<Reader> {
    const token = await nodes[0].world.serviceToken(owner, 'consumer', 'acme/web/prod');
    return { id: token.id, at: [nodes[0].as(token), nodes[1].as(token)] };
  }

  const keyOf = ({ id }: Reader): string => `${CREDENTIAL_LIMIT.name}:${id}`;

  /** Of the window that is open, as the database has it. */
  async function counted(key: string): Promise<number> {
    const { rows } = await sql.query<{ points: number }>(
      'select points from rate_limits where key = $1 and expire > $2',
      [key, Date.now()],
    );
    return rows[0]?.points ?? 0;
  }

  async function becomes(count: number, key: string): Promise<void> {
    const end = Date.now() + 10_000;
    while ((await counted(key)) !== count && Date.now() < end) await pause(50);
    expect(await counted(key)).toBe(count);
  }

  async function read(client: Client, times: number): Promise<void> {
    for (let count = 0; count < times; count += 1) await client.get(VALUE).expect(200);
  }

  it('cost a steady reader hardly any statement, and count each request', async () => {
    const reader = await newReader();
    await sql.query(`
      create sequence statements;
      create function note() returns trigger language plpgsql security definer as
        $$ begin perform nextval('public.statements'); return new; end $$;
      create trigger note after insert or update on rate_limits for each row
        when (new.key = '${keyOf(reader)}') execute function note()`);
    await read(reader.at[0], 400);
    await becomes(400, keyOf(reader));
    const { rows } = await sql.query<{ last_value: string }>('select last_value from statements');
    expect(Number(rows[0]?.last_value)).toBeLessThan(400 / 8);
    await sql.query('drop function note cascade; drop sequence statements');
  });

  it('are counted together by two nodes, and a node that counts in memory learns what others have counted', async () => {
    const reader = await newReader();
    for (const client of reader.at) await read(client, 30);
    await becomes(60, keyOf(reader));
    for (const client of reader.at) await read(client, 1);
    const { points } = CREDENTIAL_LIMIT;
    await sql.query('update rate_limits set points = $2 where key = $1', [keyOf(reader), points]);
    for (const client of reader.at) {
      let more = 0;
      while (more <= points / 10 && (await client.get(VALUE)).status === 200) more += 1;
      expect(more).toBeLessThanOrEqual(points / 10);
      await client.get(VALUE).expect(429);
    }
  });

  it('hold over two nodes under a flood: exceeded by a tenth for each at the most, then both refuse', async () => {
    await sql.query('truncate rate_limits');
    await pause(FRESH_MS);
    const { points } = ADDRESS_LIMIT;
    const admitted = [0, 0];
    const flood = async (node: 0 | 1): Promise<void> => {
      for (;;) {
        const { status } = await nodes[node].as(null).post('/auth/login', {});
        if (status === 429) return;
        expect(status).toBe(400);
        admitted[node] = (admitted[node] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, index) => flood(index % 2 === 0 ? 0 : 1)));
    const total = (admitted[0] ?? 0) + (admitted[1] ?? 0);
    expect(total).toBeGreaterThanOrEqual(points);
    expect(total).toBeLessThanOrEqual(points * 1.2);
    for (const node of nodes) {
      const { headers } = await node.as(null).post('/auth/login', {}).expect(429);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(ADDRESS_LIMIT.seconds);
    }
    expect(await counted(`${ADDRESS_LIMIT.name}:127.0.0.1`)).toBeGreaterThan(points);
  });

  it('are exact on one node, however the requests come', async () => {
    const single = await TestApp.start({ config: { rateLimit: true } });
    try {
      const answers: number[] = [];
      const ask = async (): Promise<void> => {
        for (let count = 0; count < 70; count += 1)
          answers.push((await single.as(null).post('/auth/login', {})).status);
      };
      await Promise.all(Array.from({ length: 20 }, ask));
      expect(answers.filter((status) => status === 400)).toHaveLength(ADDRESS_LIMIT.points);
      expect(answers.filter((status) => status === 429)).toHaveLength(1_400 - ADDRESS_LIMIT.points);
    } finally {
      await single.close();
    }
  });

  it('are not used up by answers of 304, whether those were settled before or not', async () => {
    const reader = await newReader();
    const [client] = reader.at;
    const poll = () => client.get('/acme/web/envs/prod/values').set('if-none-match', '"2"').expect(304);
    await client.get(VALUE).expect(200);
    for (let count = 0; count < 40; count += 1) await poll();
    await client.get(VALUE).expect(200);
    await pause(SETTLE_MS);
    await becomes(2, keyOf(reader));
    for (let count = 0; count < 40; count += 1) await poll();
    await pause(SETTLE_MS * 2);
    await becomes(2, keyOf(reader));
  });

  it('begin anew when their window is over: nothing of the last one is counted in the next', async () => {
    const reader = await newReader();
    const end = Date.now() + 3_000;
    await sql.query('insert into rate_limits values ($1, 100, $2)', [keyOf(reader), end]);
    while (Date.now() < end - 1_000) await read(reader.at[0], 1);
    await pause(end + SETTLE_MS - Date.now());
    expect(await counted(keyOf(reader))).toBe(0);
    await read(reader.at[0], 10);
    await becomes(10, keyOf(reader));
  });

  it('answer 503 while nobody can count, end nothing, and lose no count when it is over', async () => {
    const reader = await newReader();
    const [client] = reader.at;
    await read(client, 5);
    await becomes(5, keyOf(reader));
    await sql.query('alter table rate_limits rename to hidden_limits');
    let known = 0;
    try {
      for (;;) {
        const { status } = await client.get(VALUE);
        if (status === 503) break;
        expect(status).toBe(200);
        known += 1;
      }
      await client.get(VALUE).expect(503);
    } finally {
      await sql.query('alter table hidden_limits rename to rate_limits');
    }
    expect(known).toBeGreaterThan(0);
    await read(client, 3);
    await becomes(5 + known + 3, keyOf(reader));
  });

  it('lose no count when connections are cut', async () => {
    const reader = await newReader();
    const [client] = reader.at;
    await read(client, 5);
    await sql.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'coffer' and datname = current_database()`,
    );
    for (let answered = 0; answered < 10;) {
      const { status } = await client.get(VALUE);
      if (status === 200) answered += 1;
      else expect(status).toBe(503);
    }
    await pause(SETTLE_MS * 2);
    expect(await counted(keyOf(reader))).toBeGreaterThanOrEqual(15);
  });

  it('are settled when the service ends', async () => {
    const reader = await newReader();
    const third = await TestApp.start({
      database,
      rootKey: nodes[0].rootKey,
      config: { rateLimit: true },
    });
    await read(third.as(reader.at[0].credential), 7);
    await third.close();
    expect(await counted(keyOf(reader))).toBe(7);
  });
});
