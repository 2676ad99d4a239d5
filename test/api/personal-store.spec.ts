import pg from 'pg';
import { LocalKeyProvider } from '../../src/crypto/local-key.provider.js';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { createDatabase, type TestDatabase } from '../support/postgres.js';
import type { Person } from '../support/world.js';

const DOOR_1 = '/api/v2/users/me/secrets';
const FIRST = '/api/v2/users/secrets';
const DOOR_2 = '/api/v1/user/secrets';

describe('the store behind both doors to personal secrets', () => {
  let app: TestApp;
  let database: TestDatabase;
  let person: Person;
  let me: Client;
  let counter = 0;

  beforeAll(async () => {
    database = await createDatabase();
    app = await TestApp.start({ database });
  });

  beforeEach(async () => {
    counter += 1;
    person = await app.world.user(`user-${counter}`);
    me = app.as(person);
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  const rowsOf = async (table: 'personal_secrets' | 'user_data_keys', userId = person.id) =>
    (await app.sql.query<Record<string, unknown>>(`select * from ${table} where user_id = $1`, [userId]))
      .rows;
  const statuses = (answers: readonly { status: number }[]) => answers.map(({ status }) => status).sort();

  describe('is seen by its user alone', () => {
    it('not by another user, by name, by id or in a list, at either door', async () => {
      const { body: secret } = await me.post(DOOR_1, { name: 'mine', value: 'v' }).expect(201);
      const other = app.as(await app.world.user(`other-${counter}`));
      expect((await other.get(DOOR_1).expect(200)).body).toEqual([]);
      expect((await other.get(FIRST).expect(200)).body).toEqual({ secrets: [] });
      expect((await other.get(DOOR_2).expect(200)).body).toEqual({ secrets: [], total: 0 });
      const swaps = [
        [other.get(`${DOOR_1}/mine`), other.get(`${DOOR_1}/absent`)],
        [other.patch(`${DOOR_1}/mine`, { value: 'w' }), other.patch(`${DOOR_1}/absent`, { value: 'w' })],
        [other.delete(`${DOOR_1}/mine`), other.delete(`${DOOR_1}/absent`)],
        [other.get(`${FIRST}/mine/value`), other.get(`${FIRST}/absent/value`)],
        [other.get(`${DOOR_2}/${secret.id}`), other.get(`${DOOR_2}/${person.id}`)],
        [
          other.put(`${DOOR_2}/${secret.id}`, { value: 'w' }),
          other.put(`${DOOR_2}/${person.id}`, { value: 'w' }),
        ],
        [other.delete(`${DOOR_2}/${secret.id}`), other.delete(`${DOOR_2}/${person.id}`)],
      ] as const;
      for (const [swapped, random] of swaps) {
        const [hidden, absent] = [await swapped.expect(404), await random.expect(404)];
        expect(hidden.text).toBe(absent.text);
      }
      expect((await me.get(`${FIRST}/mine/value`).expect(200)).body).toEqual({ value: 'v' });
    });

    it('not by the owner of an organisation that the user belongs to', async () => {
      const owner = await app.world.user(`owner-${counter}`);
      const org = `org-${counter}`;
      await app.world.org(org, owner);
      await app.world.grant(owner, person, 'member', org);
      await me.post(DOOR_1, { name: 'mine', value: 'v' }).expect(201);
      for (const user of [person.username, person.id]) {
        await app.as(owner).get(`/api/v2/users/${user}/secrets`).expect(400);
        await app.as(owner).delete(`/api/v2/users/${user}/secrets/mine`).expect(400);
      }
      expect((await app.as(owner).get(DOOR_1).expect(200)).body).toEqual([]);
      const { text } = await app.as(owner).get(`/orgs/${org}/audit`).expect(200);
      expect(text).not.toContain('personal-secret');
      await me.get(`${DOOR_1}/mine`).expect(200);
    });

    it('not by a service token, whose attempt is on record', async () => {
      const org = `org-${counter}`;
      await app.world.org(org, person);
      await app.world.environment(`${org}/web/prod`, person);
      const token = app.as(await app.world.serviceToken(person, 'consumer', `${org}/web/prod`));
      await me.post(DOOR_1, { name: 'mine', value: 'v' }).expect(201);
      await token.get(DOOR_1).expect(403);
      await token.get(`/api/v2/users/${person.username}/secrets/mine`).expect(403);
      await token.patch(`${DOOR_1}/mine`, { value: 'w' }).expect(403);
      await token.get(`${FIRST}/mine/value`).expect(403);
      await token.post(DOOR_2, { name: 'A', value: 'v' }).expect(403);
      await token.get(`${DOOR_2}/presets`).expect(403);
      expect((await app.events(org)).filter(({ outcome }) => outcome === 'denied')).toHaveLength(6);
      expect(await rowsOf('personal_secrets')).toHaveLength(1);
    });

    it('also with the user’s personal access token', async () => {
      const { body } = await me.post('/auth/tokens', { name: 'laptop' }).expect(201);
      await app
        .as(body.token as string)
        .post(DOOR_2, { name: 'A', value: 'v' })
        .expect(201);
      expect((await me.get(DOOR_1).expect(200)).body).toHaveLength(1);
    });

    it('not by a query of the service that was made for somebody else', async () => {
      const other = await app.world.user(`other-${counter}`);
      await me.post(DOOR_1, { name: 'mine', value: 'v' }).expect(201);
      const service = new pg.Client({ connectionString: app.databaseUrl, options: '-c role=coffer_app' });
      await service.connect();
      try {
        await service.query('begin');
        await service.query(
          `select set_config('coffer.user_id', $1, true), set_config('coffer.org_id', $2, true)`,
          [other.id, person.id],
        );
        expect((await service.query('select 1 from personal_secrets')).rows).toEqual([]);
        expect((await service.query('select 1 from user_data_keys')).rows).toEqual([]);
        expect((await service.query('delete from personal_secrets')).rowCount).toBe(0);
        const planted = service.query(
          `insert into user_data_keys values ($1, gen_random_uuid(), '', now())`,
          [person.id],
        );
        await expect(planted).rejects.toMatchObject({ code: '42501' });
      } finally {
        await service.end();
      }
    });

    it('names, variables and paths of one user are free for all others', async () => {
      const secret = { name: 'A', value: 'v', env_name: 'A', file_path: '/a' };
      await me.post(DOOR_1, secret).expect(201);
      await app
        .as(await app.world.user(`other-${counter}`))
        .post(DOOR_1, secret)
        .expect(201);
    });
  });

  describe('has room for so much', () => {
    it('200 secrets, which concurrent requests at both doors cannot pass together', async () => {
      for (let index = 0; index < 195; index += 1) {
        await me.post(DOOR_1, { name: `s${index}`, value: 'v' }).expect(201);
      }
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          index % 2 === 0
            ? me.post(DOOR_1, { name: `more-${index}`, value: 'v' })
            : me.post(DOOR_2, { name: `MORE_${index}`, value: 'v' }),
        ),
      );
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(5);
      expect(await rowsOf('personal_secrets')).toHaveLength(200);
      const { body } = await me.post(DOOR_1, { name: 'one-more', value: 'v' }).expect(400);
      expect(body).toEqual({ message: expect.stringContaining('200') });
      expect((await me.post(FIRST, { name: 'one-more', value: 'v' }).expect(400)).body).toEqual(body);
      for (const full of [
        me.post(DOOR_2, { name: 'ONE_MORE', value: 'v' }),
        me.post(`${DOOR_2}/preset`, { provider: 'openai', value: 'v' }),
      ]) {
        expect((await full.expect(422)).body).toEqual({
          code: 422,
          detail: expect.stringContaining('200'),
          type: 'validation_error',
        });
      }
      await me.patch(`${DOOR_1}/s0`, { value: 'w' }).expect(200);
      await me.delete(`${DOOR_1}/s0`).expect(204);
      await me.post(DOOR_1, { name: 'one-more', value: 'v' }).expect(201);
    });

    it('1 MiB of values, counted in bytes, which concurrent requests cannot pass together', async () => {
      const value = '🔑'.repeat(16_384);
      for (let index = 0; index < 12; index += 1) {
        await me.post(DOOR_1, { name: `s${index}`, value }).expect(201);
      }
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, index) => me.post(DOOR_1, { name: `more-${index}`, value })),
      );
      expect(statuses(answers)).toEqual([...Array<number>(4).fill(201), ...Array<number>(12).fill(400)]);
      const { body } = await me.post(DOOR_1, { name: 'x', value: 'v' }).expect(400);
      expect(body).toEqual({ message: expect.stringContaining('1 MiB') });
      await me.post(DOOR_2, { name: 'X', value: 'v' }).expect(422);
    });

    it('1 MiB also when values grow, by parallel changes at both doors', async () => {
      const value = 'x'.repeat(65_536);
      for (let index = 0; index < 15; index += 1) {
        await me.post(DOOR_1, { name: `s${index}`, value }).expect(201);
      }
      const ids: string[] = [];
      for (const name of ['a', 'b', 'c', 'd']) {
        ids.push((await me.post(DOOR_1, { name, value: 'v' }).expect(201)).body.id);
      }
      const grown = 'x'.repeat(40_000);
      const answers = await Promise.all([
        ...['a', 'b'].map((name) => me.patch(`${DOOR_1}/${name}`, { value: grown })),
        ...ids.slice(2).map((id) => me.put(`${DOOR_2}/${id}`, { value: grown })),
      ]);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      const values = await Promise.all(['a', 'b', 'c', 'd'].map((name) => me.get(`${FIRST}/${name}/value`)));
      expect(values.map(({ body }) => body.value.length).sort((a, b) => a - b)).toEqual([1, 1, 1, 40_000]);
    });
  });

  describe('has one data key for each user', () => {
    it('made at the first use, once, however many first uses meet on however many nodes', async () => {
      const second = await TestApp.start({ database, rootKey: app.rootKey });
      try {
        expect(await rowsOf('user_data_keys')).toHaveLength(0);
        const nodes = [me, second.as(person)] as const;
        const answers = await Promise.all(
          Array.from({ length: 24 }, (_, index) =>
            (nodes[index % 2] ?? me).post(DOOR_1, { name: `s${index}`, value: `value ${index}` }),
          ),
        );
        expect(statuses(answers)).toEqual(Array(24).fill(201));
        expect(await rowsOf('user_data_keys')).toHaveLength(1);
        for (let index = 0; index < 24; index += 1) {
          const { body } = await (nodes[(index + 1) % 2] ?? me).get(`${FIRST}/s${index}/value`).expect(200);
          expect(body).toEqual({ value: `value ${index}` });
        }
      } finally {
        await second.close();
      }
    });

    it('whose wrapped bytes do not unwrap as another user’s', async () => {
      const other = await app.world.user(`other-${counter}`);
      await me.post(DOOR_1, { name: 'a', value: 'v' }).expect(201);
      await app.as(other).post(DOOR_1, { name: 'a', value: 'v' }).expect(201);
      const [mine] = await rowsOf('user_data_keys');
      const provider = new LocalKeyProvider(app.rootKey);
      const wrapped = mine?.['wrapped'] as Buffer;
      const id = String(mine?.['id']);
      expect(await provider.unwrap(wrapped, `user/${person.id}/${id}`)).toHaveLength(32);
      await expect(provider.unwrap(wrapped, `user/${other.id}/${id}`)).rejects.toThrow('do not open');
    });

    it('which goes with the user, and the secrets with it', async () => {
      await me.post(DOOR_1, { name: 'a', value: 'v' }).expect(201);
      const other = app.as(await app.world.user(`other-${counter}`));
      await other.post(DOOR_1, { name: 'a', value: 'v' }).expect(201);
      await app.sql.query('delete from users where id = $1', [person.id]);
      expect(await rowsOf('user_data_keys')).toEqual([]);
      expect(await rowsOf('personal_secrets')).toEqual([]);
      await me.get(DOOR_1).expect(401);
      expect((await other.get(`${FIRST}/a/value`).expect(200)).body).toEqual({ value: 'v' });
    });
  });
});
