import { setTimeout as pause } from 'node:timers/promises';
import { SETTLE_MS } from '../../src/database/settlement.js';
import { TestApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/postgres.js';
import type { Environment, Made, Person } from '../support/world.js';

/** Reads are answered from memory, and each of them is proven against the database while it is put on record. */
describe('reads from memory', () => {
  let database: TestDatabase;
  let app: TestApp;
  /** A second node on the same database. */
  let other: TestApp;
  let owner: Person;
  let env: Environment;

  beforeAll(async () => {
    database = await createDatabase();
    app = await TestApp.start({ database });
    other = await TestApp.start({ database, rootKey: app.rootKey });
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    env = await app.world.environment('acme/web/prod', owner);
    for (const name of ['A', 'B']) await env.secret(name, `${name} 0`);
  });

  afterAll(async () => {
    await other.close();
    await app.close();
    await database.drop();
  });

  const valueOf = (name: string): string => `${env.secretPath(name)}/value`;
  const values = (): string => `${env.path}/values`;

  it('are refused on the next request after the token was revoked, on this node and on another one, a thousand times', async () => {
    const token = (): Promise<Made> => app.world.serviceToken(owner, 'consumer', 'acme/web/prod');
    const nodes = [app, other];
    const revokeAgainAndAgain = async (): Promise<number[]> => {
      const found: number[] = [];
      for (let round = 0; round < 125; round += 1) {
        const { id, token: credential } = await token();
        const read = () => Promise.all(nodes.map((node) => node.as(credential).get(valueOf('A'))));
        // Each node remembers the token from the first time on.
        for (const { status } of await read()) found.push(status);
        await app.as(owner).delete(`/acme/web/tokens/${id}`).expect(204);
        for (const { status } of await read()) found.push(-status);
      }
      return found;
    };
    const found = (await Promise.all(Array.from({ length: 8 }, revokeAgainAndAgain))).flat();
    expect(found.filter((status) => status < 0)).toHaveLength(2 * 1_000);
    expect(new Set(found)).toEqual(new Set([200, -401]));
  }, 240_000);

  it('never answer an older value than one whose change was acknowledged, on either node', async () => {
    const { token } = await app.world.serviceToken(owner, 'consumer', 'acme/web/prod');
    let acknowledged = 0;
    let isOver = false;
    const readAgainAndAgain = async (node: TestApp): Promise<number> => {
      let reads = 0;
      for (; !isOver; reads += 1) {
        const least = acknowledged;
        const one = await node.as(token).get(valueOf('B')).expect(200);
        const all = await node.as(token).get(values()).expect(200);
        for (const value of [one.body.value, all.body.values.B] as string[])
          expect(Number(value.slice(2))).toBeGreaterThanOrEqual(least);
      }
      return reads;
    };
    const readers = [app, app, other, other].map(readAgainAndAgain);
    for (let count = 1; count <= 150; count += 1) {
      const node = count % 2 === 0 ? app : other;
      await node
        .as(owner)
        .put(valueOf('B'), { value: `B ${String(count)}` })
        .expect(200);
      acknowledged = count;
    }
    isOver = true;
    expect(Math.min(...(await Promise.all(readers)))).toBeGreaterThan(0);
  }, 120_000);

  it('tell a revoked token nothing of what is wrong with its request', async () => {
    const { id, token } = await app.world.serviceToken(owner, 'consumer', 'acme/web/prod');
    const wrong = [
      `${values()}?format=none`,
      `${values()}?names=NONE`,
      `${env.secretPath('NONE')}/value`,
      `${values()}?x=1`,
    ];
    for (const path of [...wrong, values()]) await app.as(token).get(path);
    await app.as(owner).delete(`/acme/web/tokens/${id}`).expect(204);
    for (const path of wrong) await app.as(token).get(path).expect(401);
  });

  it('see that a ciphertext was altered, although they remember the value', async () => {
    const { token } = await app.world.serviceToken(owner, 'consumer', 'acme/web/prod');
    const flipBit = (): Promise<unknown> =>
      app.sql.query(
        `update secret_versions set sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)
         where secret_id = (select id from secrets where name = 'A')`,
      );
    await app.as(token).get(valueOf('A')).expect(200);
    await flipBit();
    await app.as(token).get(valueOf('A')).expect(500);
    await flipBit();
    await app.as(token).get(valueOf('A')).expect(200);
  });

  it('end with an expiry that nobody announces', async () => {
    const expiresAt = new Date(Date.now() + 1_500).toISOString();
    const { body } = await app
      .as(owner)
      .post('/acme/web/tokens', { name: 'short', role: 'consumer', expiresAt })
      .expect(201);
    await app
      .as(body.token as string)
      .get(values())
      .expect(200);
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    await app
      .as(body.token as string)
      .get(values())
      .expect(401);
  });

  it('stand in the trail once for each answer, as what they were', async () => {
    const { token } = await app.world.serviceToken(owner, 'consumer', 'acme/web/prod');
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? app : other).as(token).get(values())),
    );
    const asked = new Set(answers.map(({ headers }) => headers['x-request-id'] as string));
    const events = (await app.events('acme')).filter(({ request_id: id }) => asked.has(id));
    expect(asked.size).toBe(40);
    expect(events).toHaveLength(40);
    for (const { action, resource } of events) {
      expect(action).toBe('values.get');
      expect(resource['secrets']).toEqual([
        { secret: 'A', version: expect.any(Number) },
        { secret: 'B', version: expect.any(Number) },
      ]);
    }
  });

  it('forget a timeline that the database has lost: a stamp that was there before never comes again', async () => {
    const { id, token } = await app.world.serviceToken(owner, 'consumer', 'acme/web/prod');
    const stamps = async (): Promise<unknown[]> =>
      (await app.sql.query('select subject, stamp from stamps order by subject')).rows;
    const before = await stamps();
    // A grant that comes and goes on a primary that is lost with both.
    const lost = await app.world.serviceToken(owner, 'viewer', 'acme/web');
    await app.as(owner).delete(`/acme/web/tokens/${lost.id}`).expect(204);
    await app.as(token).get(values()).expect(200);
    for (const { subject, stamp } of before as { subject: string; stamp: string }[])
      await app.sql.query('update stamps set stamp = $2 where subject = $1', [subject, stamp]);
    await app.as(owner).delete(`/acme/web/tokens/${id}`).expect(204);
    await app.as(token).get(values()).expect(401);
  });

  it('count a missing credential for the address that it comes from, like every other route', async () => {
    const limited = await TestApp.start({ config: { rateLimit: true } });
    for (let count = 0; count < 5; count += 1) await limited.as(null).get(values()).expect(401);
    // Far from the limit, what was counted comes to the database a moment later.
    await pause(2 * SETTLE_MS);
    const { rows } = await limited.sql.query(`select sum(points)::integer as counted from rate_limits`);
    await limited.close();
    expect(rows).toEqual([{ counted: 5 }]);
  });
});
