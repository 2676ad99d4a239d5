import { setTimeout as pause } from 'node:timers/promises';
import { FRESH_MS } from '../../src/database/tally.js';
import { ADDRESS_LIMIT, CREDENTIAL_LIMIT, NEVER_LIMITED } from '../../src/http/rate-limit.js';
import { TestApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/postgres.js';
import { routesOf } from '../support/routes.js';
import type { Person } from '../support/world.js';

describe('rate limits', () => {
  let database: TestDatabase;
  let nodes: [TestApp, TestApp];
  let owner: Person;

  beforeAll(async () => {
    database = await createDatabase();
    const first = await TestApp.start({ database, config: { rateLimit: true } });
    const second = await TestApp.start({ database, rootKey: first.rootKey, config: { rateLimit: true } });
    nodes = [first, second];
    owner = await first.world.user('olivia');
  });

  beforeEach(() => nodes[0].sql.query('truncate rate_limits'));

  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    await database.drop();
  });

  /** Lays in what was used before, so that a test needs not send thousands of requests. */
  async function leave(
    limit: { name: string; points: number; seconds: number },
    key: string,
    left: number,
  ): Promise<void> {
    await nodes[0].sql.query(
      `insert into rate_limits values ($1, $2, $3) on conflict (key) do update set points = excluded.points, expire = excluded.expire`,
      [`${limit.name}:${key}`, limit.points - left, Date.now() + limit.seconds * 1000],
    );
  }

  async function newToken(): Promise<{ id: string; token: string }> {
    const { body } = await nodes[0].as(owner).post('/auth/tokens', { name: 'limited' }).expect(201);
    return { id: body.id, token: body.token };
  }

  it('let exactly N of 4N requests of one credential through, over two processes', async () => {
    const token = await newToken();
    await leave(CREDENTIAL_LIMIT, token.id, 25);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => nodes[index % 2 === 0 ? 0 : 1].as(token).get('/auth/me')),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(25);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(75);
    for (const { body, headers } of refused) {
      expect(body.code).toBe('rate_limited');
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(CREDENTIAL_LIMIT.seconds);
    }
  });

  it('count each credential for itself', async () => {
    const [used, fresh] = [await newToken(), await newToken()];
    await leave(CREDENTIAL_LIMIT, used.id, 0);
    await nodes[0].as(used).get('/auth/me').expect(429);
    await nodes[0].as(fresh).get('/auth/me').expect(200);
  });

  it('count anonymous calls and guessed credentials per address', async () => {
    await leave(ADDRESS_LIMIT, '127.0.0.1', 2);
    // Both nodes know this address from a moment ago, when it was far from the limit.
    await pause(FRESH_MS);
    await nodes[0].as('cofp_guess').get('/orgs').expect(401);
    await nodes[1].as(null).post('/auth/login', {}).expect(400);
    await nodes[0].as(null).post('/auth/login', {}).expect(429);
    await nodes[1].as('cofp_guess').get('/orgs').expect(429);
    await nodes[1].as(owner).get('/orgs').expect(200);
  });

  it('never keep anybody from revoking, nor a watcher from looking', async () => {
    const token = await newToken();
    await leave(CREDENTIAL_LIMIT, token.id, 0);
    await leave(ADDRESS_LIMIT, '127.0.0.1', 0);
    await nodes[0].as(null).get('/healthz').expect(200);
    await nodes[0].as(null).get('/readyz').expect(200);
    await nodes[0].as(token).get('/auth/me').expect(429);
    await nodes[0].as(token).delete(`/auth/tokens/${token.id}`).expect(204);
    const actions = routesOf(nodes[0].app).map(({ policy }) => policy.action);
    expect([...NEVER_LIMITED].filter((action) => !actions.includes(action))).toEqual([]);
  });

  it('are not used up by answers of 304', async () => {
    const [node] = nodes;
    await node.world.org('acme', owner);
    const env = await node.world.environment('acme/web/prod', owner);
    await env.secret('A', 'a');
    const token = await node.world.serviceToken(owner, 'consumer', 'acme/web');
    await leave(CREDENTIAL_LIMIT, token.id, 2);
    for (let count = 0; count < 5; count += 1) {
      await node.as(token).get(`${env.path}/values`).set('if-none-match', '"2"').expect(304);
    }
    await node.as(token).get(`${env.path}/values`).expect(200);
    await node.as(token).get(`${env.path}/values`).expect(200);
    await node.as(token).get(`${env.path}/values`).expect(429);
  });

  it('begin anew when their window is over', async () => {
    const token = await newToken();
    await nodes[0].sql.query(`insert into rate_limits values ($1, $2, $3)`, [
      `${CREDENTIAL_LIMIT.name}:${token.id}`,
      CREDENTIAL_LIMIT.points,
      Date.now() - 1,
    ]);
    await nodes[0].as(token).get('/auth/me').expect(200);
  });
});
