import { setTimeout as pause } from 'node:timers/promises';
import { TestApp } from '../support/app.js';
import { nextOf } from '../support/pages.js';
import type { Person } from '../support/world.js';

const NOTHING = { error: 'There is nothing here that you may see.', code: 'not_found' };
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('environments', () => {
  let app: TestApp;
  let olivia: Person;
  let adam: Person;
  let vera: Person;
  let mallory: Person;

  beforeAll(async () => {
    app = await TestApp.start();
    olivia = await app.world.user('olivia');
    adam = await app.world.user('adam');
    vera = await app.world.user('vera');
    mallory = await app.world.user('mallory');
    await app.world.org('acme', olivia);
    await app.world.org('evil', mallory);
    for (const path of ['acme/web/prod', 'acme/web/dev', 'acme/api/prod'])
      await app.world.environment(path, olivia);
    for (const path of ['evil/web/prod', 'evil/own/secret-one']) await app.world.environment(path, mallory);
    await app.world.grant(olivia, adam, 'admin', 'acme/web');
    await app.world.grant(olivia, vera, 'member', 'acme/web/prod');
  });

  afterAll(() => app.close());

  function namesOf(body: { name: string }[]): string[] {
    return body.map(({ name }) => name);
  }

  describe('POST /{o}/{p}/environments', () => {
    it('201: answers with the environment, which has a data key of its own, on record', async () => {
      const { body } = await app.as(adam).post('/acme/web/environments', { name: 'staging' }).expect(201);
      expect(body).toEqual({
        name: 'staging',
        isDefault: false,
        revision: 0,
        createdAt: expect.stringMatching(TIME),
      });
      const { rows } = await app.sql.query(
        `select count(*)::integer as keys from data_keys k join environments e on e.org_id = k.org_id and e.id = k.environment_id
         where e.name = 'staging'`,
      );
      expect(rows).toEqual([{ keys: 1 }]);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'environment.create',
        actor_name: 'adam',
        resource: { project: 'web', environment: 'staging' },
      });
    });

    it('201: a value can be set in it and read from it at once', async () => {
      const environment = await app.world.environment('acme/web/fresh', olivia);
      await environment.secret('KEY', 'value of a fresh environment');
      const robot = await app.world.serviceToken(olivia, 'consumer', 'acme/web/fresh');
      const { body } = await app.as(robot).get(environment.secretPath('KEY/value')).expect(200);
      expect(body.value).toBe('value of a fresh environment');
    });

    it.each(['a', '0', 'pr-1234', 'a'.repeat(31)])('201: takes the name %s', async (name) => {
      await app.as(olivia).post('/acme/api/environments', { name }).expect(201);
    });

    it.each([
      undefined,
      null,
      '',
      'Prod',
      'a_b',
      'a--b',
      '-a',
      'a-',
      'a'.repeat(32),
      'é',
      'prod\n',
      1,
      ['prod'],
    ])('400: refuses the name %j', async (name) => {
      const { body } = await app.as(adam).post('/acme/web/environments', { name }).expect(400);
      expect(body.details).toMatchObject([{ field: 'name' }]);
    });

    it('400: takes no other field', async () => {
      const { body } = await app
        .as(adam)
        .post('/acme/web/environments', { name: 'x', revision: 7 })
        .expect(400);
      expect(body.details).toMatchObject([{ field: 'revision' }]);
    });

    it('401: wants a credential', async () => {
      await app.as(null).post('/acme/web/environments', { name: 'x' }).expect(401);
    });

    it('403: a member of one environment sees the project and makes nothing in it', async () => {
      const { body } = await app.as(vera).post('/acme/web/environments', { name: 'x' }).expect(403);
      expect(body.details).toEqual([{ permission: 'environments:write' }]);
    });

    it('404: in a project out of sight, of others or of nobody', async () => {
      for (const path of [
        '/acme/api/environments',
        '/acme/none/environments',
        '/evil/web/environments',
        '/evil/none/environments',
      ]) {
        expect((await app.as(adam).post(path, { name: 'x' }).expect(404)).body).toEqual(NOTHING);
      }
    });

    it('409: of many who want one name at the same time exactly one gets it', async () => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => app.as(adam).post('/acme/web/environments', { name: 'raced' })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([
        201,
        ...Array.from({ length: 11 }, () => 409),
      ]);
      const { body } = await app.as(adam).post('/acme/web/environments', { name: 'default' }).expect(409);
      expect(body).toEqual({ error: 'An environment of this name exists already.', code: 'already_exists' });
    });
  });

  describe('GET /{o}/{p}/environments', () => {
    it('200: shows each caller the environments in which they have a permission, by name', async () => {
      const all = namesOf((await app.as(adam).get('/acme/web/environments').expect(200)).body);
      expect(all).toEqual(expect.arrayContaining(['default', 'dev', 'prod']));
      expect(all).toEqual([...all].sort());
      expect(namesOf((await app.as(vera).get('/acme/web/environments').expect(200)).body)).toEqual(['prod']);
      const robot = await app.world.serviceToken(olivia, 'consumer', 'acme/web/dev');
      expect(namesOf((await app.as(robot).get('/acme/web/environments').expect(200)).body)).toEqual(['dev']);
    });

    it('200: shows how often each has changed', async () => {
      const environment = await app.world.environment('acme/api/counted', olivia);
      await environment.secret('KEY', 'value');
      const { body } = await app.as(olivia).get('/acme/api/environments/counted').expect(200);
      expect(body).toMatchObject({ name: 'counted', isDefault: false, revision: 2 });
    });

    it('200: comes in pages', async () => {
      const first = await app.as(adam).get('/acme/web/environments?limit=2').expect(200);
      expect(first.body).toHaveLength(2);
      const next = nextOf(first) ?? '';
      const second = await app.as(adam).get(next).expect(200);
      const all = await app.as(adam).get('/acme/web/environments').expect(200);
      expect([...first.body, ...second.body]).toEqual(all.body.slice(0, 4));
    });

    it('401 and 404: for nobody and for strangers', async () => {
      await app.as(null).get('/acme/web/environments').expect(401);
      expect((await app.as(mallory).get('/acme/web/environments').expect(404)).body).toEqual(NOTHING);
    });
  });

  describe('GET /{o}/{p}/environments/{envName}', () => {
    it('200: who sees it reads it', async () => {
      const { body } = await app.as(vera).get('/acme/web/environments/prod').expect(200);
      expect(body).toMatchObject({ name: 'prod', isDefault: false });
      expect((await app.as(adam).get('/acme/web/environments/default').expect(200)).body.isDefault).toBe(
        true,
      );
    });

    it('404: another environment of the same project, another project’s, another organisation’s, a malformed one and none look alike', async () => {
      for (const path of [
        'acme/web/environments/dev',
        'acme/web/environments/none',
        'acme/web/environments/PROD',
        'acme/api/environments/prod',
        'evil/web/environments/prod',
        'acme/web/environments/secret-one',
        'acme/web/environments/%00',
      ]) {
        for (const answer of [await app.as(vera).get(`/${path}`), await app.as(vera).delete(`/${path}`)]) {
          expect([answer.status, answer.body]).toEqual([404, NOTHING]);
        }
      }
    });
  });

  describe('DELETE /{o}/{p}/environments/{envName}', () => {
    it('204: an empty one goes with its data key, its grants and its tokens, on record', async () => {
      await app.world.environment('acme/web/short', olivia);
      const paul = await app.world.user('paul');
      await app.world.grant(olivia, paul, 'viewer', 'acme/web/short');
      const robot = await app.world.serviceToken(olivia, 'viewer', 'acme/web/short');
      const { rows } = await app.sql.query<{ id: string }>(
        `select id from environments where name = 'short'`,
      );
      await app.as(adam).delete('/acme/web/environments/short').expect(204);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'environment.delete',
        actor_name: 'adam',
        resource: { project: 'web', environment: 'short', force: false },
      });
      expect(
        (await app.sql.query('select from data_keys where environment_id = $1', [rows[0]?.id])).rows,
      ).toHaveLength(0);
      await app.world.environment('acme/web/short', olivia);
      await app.as(paul).get('/acme/web/environments/short').expect(404);
      await app.as(robot).get('/acme/web/environments/short').expect(401);
    });

    it('409: one that holds secrets stays, unless force takes them with it; a new one of its name is empty', async () => {
      const environment = await app.world.environment('acme/web/full', olivia);
      await environment.secret('WITHOUT_VALUE');
      await environment.secret('KEY', 'value');
      for (const query of ['', '?force=false']) {
        const { body } = await app.as(adam).delete(`/acme/web/environments/full${query}`).expect(409);
        expect(body).toMatchObject({ code: 'conflict', error: expect.stringContaining('holds secrets') });
      }
      await app.as(adam).delete('/acme/web/environments/full?force=true').expect(204);
      await app.world.environment('acme/web/full', olivia);
      expect((await app.as(olivia).get(`${environment.path}/secrets`).expect(200)).body).toEqual([]);
      expect((await app.as(olivia).get(`${environment.path}/secrets?deleted=true`).expect(200)).body).toEqual(
        [],
      );
      await environment.secret('KEY', 'another value');
      const robot = await app.world.serviceToken(olivia, 'consumer', 'acme/web/full');
      expect((await app.as(robot).get(environment.secretPath('KEY/value')).expect(200)).body).toMatchObject({
        value: 'another value',
        version: 1,
      });
    });

    it.each([
      ['environment', '/acme/anew/environments/prod?force=true'],
      ['project', '/orgs/acme/projects/anew?force=true'],
    ])('no tag of a deleted %s holds for the one that is made anew under its name', async (_, path) => {
      const values = async (value: string, tag: string) => {
        const environment = await app.world.environment('acme/anew/prod', olivia);
        await environment.secret('KEY', value);
        const robot = await app.world.serviceToken(olivia, 'consumer', 'acme/anew/prod');
        return app.as(robot).get(`${environment.path}/values`).set('if-none-match', tag).expect(200);
      };
      const { headers } = await values('old', '"1"');
      await app.as(olivia).delete(path).expect(204);
      const { body } = await values('new', String(headers['etag']));
      expect(body.values).toEqual({ KEY: 'new' });
      await app.as(olivia).delete('/orgs/acme/projects/anew?force=true').expect(204);
    });

    it('goes on with the revisions also when it is made while the old one is being deleted', async () => {
      const environment = await app.world.environment('acme/race/prod', olivia);
      await environment.secret('KEY', 'old');
      // Whoever deletes it is stopped before the commit: at the trail, which somebody holds.
      await app.sql.query('begin');
      await app.sql.query(
        `select 1 from org_chain_heads where org_id = (select org_id from org_slugs where slug = 'acme') for update`,
      );
      const deleted = app
        .as(olivia)
        .delete('/acme/race/environments/prod?force=true')
        .then(({ status }) => status);
      await pause(300);
      const made = app
        .as(olivia)
        .post('/acme/race/environments', { name: 'prod' })
        .then(({ body }) => body);
      await pause(300);
      await app.sql.query('rollback');
      expect(await deleted).toBe(204);
      expect(await made).toMatchObject({ name: 'prod', revision: 3 });
    });

    it('409: the default one stays, unless force says otherwise; it can be made again', async () => {
      await app.as(olivia).post('/orgs/acme/projects', { slug: 'bare' }).expect(201);
      await app.as(olivia).delete('/acme/bare/environments/default').expect(409);
      await app.as(olivia).delete('/acme/bare/environments/default?force=true').expect(204);
      expect((await app.as(olivia).get('/acme/bare/environments').expect(200)).body).toEqual([]);
      const { body } = await app.as(olivia).post('/acme/bare/environments', { name: 'default' }).expect(201);
      expect(body.isDefault).toBe(true);
    });

    it('204: deleted secrets do not keep an environment', async () => {
      const environment = await app.world.environment('acme/web/emptied', olivia);
      await environment.secret('KEY', 'value');
      await app.as(olivia).delete(environment.secretPath('KEY')).expect(200);
      await app.as(adam).delete('/acme/web/environments/emptied').expect(204);
    });

    it.each(['force=yes', 'force=True', 'force=', 'force=true&force=true', 'x=1'])(
      '400: %s',
      async (query) => {
        await app.as(adam).delete(`/acme/web/environments/dev?${query}`).expect(400);
        await app.as(adam).get('/acme/web/environments/dev').expect(200);
      },
    );

    it('403: a member does not delete the environment that they write in', async () => {
      const { body } = await app.as(vera).delete('/acme/web/environments/prod?force=true').expect(403);
      expect(body.details).toEqual([{ permission: 'environments:write' }]);
    });

    it('never loses a secret that is declared at the same time: either that is refused, or the deletion', async () => {
      for (let round = 0; round < 6; round += 1) {
        const environment = await app.world.environment(`acme/web/round-${String(round)}`, olivia);
        const declare = (name: string) =>
          app.as(olivia).post(`${environment.path}/secrets`, { kind: 'Secret', name });
        const [first, deleted, ...rest] = await Promise.all([
          declare('A'),
          app.as(adam).delete(`/acme/web/environments/round-${String(round)}`),
          declare('B'),
          declare('C'),
        ]);
        const declared = [first, ...rest];
        expect(declared.filter(({ status }) => ![201, 404].includes(status))).toEqual([]);
        expect(deleted.status).toBe(declared.some(({ status }) => status === 201) ? 409 : 204);
      }
    });

    it('ends whatever else goes on in it with a plain answer when force deletes it', async () => {
      const environment = await app.world.environment('acme/web/busy', olivia);
      await environment.secret('KEY', 'value');
      const work = Array.from({ length: 5 }, (_, index) => [
        app.as(olivia).put(environment.secretPath('KEY/value'), { value: String(index) }),
        app.as(olivia).post(`${environment.path}/secrets`, { kind: 'Secret', name: `S${String(index)}` }),
        app.as(olivia).get(`${environment.path}/secrets`),
        app.as(olivia).post('/orgs/acme/grants', {
          user: 'mallory',
          role: 'viewer',
          project: 'web',
          environment: 'busy',
        }),
      ]).flat();
      const answers = await Promise.all([
        ...work.slice(0, 8),
        app.as(adam).delete('/acme/web/environments/busy?force=true'),
        ...work.slice(8),
      ]);
      expect(
        answers.filter(({ status }) => ![200, 201, 204, 404, 409].includes(status)).map(({ text }) => text),
      ).toEqual([]);
      await app.as(olivia).get('/acme/web/environments/busy').expect(404);
      const left = await app.sql.query(
        `select from secret_versions v where not exists (select from secrets s where s.org_id = v.org_id and s.id = v.secret_id)`,
      );
      expect(left.rows).toHaveLength(0);
    });
  });
});
