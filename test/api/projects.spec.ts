import { TestApp } from '../support/app.js';
import { nextOf } from '../support/pages.js';
import type { Person } from '../support/world.js';

const NOTHING = { error: 'There is nothing here that you may see.', code: 'not_found' };
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('projects', () => {
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
    for (const path of [
      'acme/web/prod',
      'acme/web/dev',
      'acme/api/prod',
      'acme/ops/default',
      'evil/web/prod',
      'evil/own/prod',
    ]) {
      await app.world.environment(path, path.startsWith('acme') ? olivia : mallory);
    }
    await app.world.grant(olivia, adam, 'admin', 'acme/web');
    await app.world.grant(olivia, vera, 'viewer', 'acme/api/prod');
  });

  afterAll(() => app.close());

  function slugsOf(body: { slug: string }[]): string[] {
    return body.map(({ slug }) => slug);
  }

  describe('POST /orgs/{o}/projects', () => {
    it('201: answers with the project, which has a default environment and two data keys, on record', async () => {
      const { body } = await app
        .as(olivia)
        .post('/orgs/acme/projects', { slug: 'made', name: 'Made here' })
        .expect(201);
      expect(body).toEqual({ slug: 'made', name: 'Made here', createdAt: expect.stringMatching(TIME) });
      const environments = await app.as(olivia).get('/acme/made/environments').expect(200);
      expect(environments.body).toEqual([
        { name: 'default', isDefault: true, revision: 0, createdAt: expect.stringMatching(TIME) },
      ]);
      const { rows } = await app.sql.query(
        `select k.environment_id is null as of_the_project from data_keys k join projects p on p.org_id = k.org_id and p.id = k.project_id
         where p.slug = 'made' order by 1`,
      );
      expect(rows).toEqual([{ of_the_project: false }, { of_the_project: true }]);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'project.create',
        actor_name: 'olivia',
        resource: { project: 'made', name: 'Made here' },
      });
    });

    it('201: is called by its slug without a name, and may have a slug that organisations may not have', async () => {
      const { body } = await app.as(olivia).post('/orgs/acme/projects', { slug: 'admin' }).expect(201);
      expect(body.name).toBe('admin');
    });

    it('201: two organisations have projects of one slug, each its own', async () => {
      await app.as(mallory).post('/orgs/evil/projects', { slug: 'made' }).expect(201);
      expect((await app.as(mallory).get('/orgs/evil/projects/made')).body.name).toBe('made');
    });

    it.each([
      [{}, ['slug']],
      [{ slug: 'Web' }, ['slug']],
      [{ slug: 'a--b' }, ['slug']],
      [{ slug: 'a'.repeat(64) }, ['slug']],
      [{ slug: null, name: null }, ['name', 'slug']],
      [{ slug: 'fine', name: '' }, ['name']],
      [{ slug: 'fine', id: 'x' }, ['id']],
    ])('400: %j', async (body, fields) => {
      const answer = await app.as(olivia).post('/orgs/acme/projects', body).expect(400);
      expect(answer.body.details.map(({ field }: { field: string }) => field).sort()).toEqual(fields);
    });

    it('401: wants a credential', async () => {
      await app.as(null).post('/orgs/acme/projects', { slug: 'x' }).expect(401);
    });

    it('403: an administrator of one project makes no others; the refusal is on record', async () => {
      const { body } = await app.as(adam).post('/orgs/acme/projects', { slug: 'more' }).expect(403);
      expect(body.details).toEqual([{ permission: 'projects:write' }]);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'project.create',
        outcome: 'denied',
        actor_name: 'adam',
      });
    });

    it('404: in an organisation of others, as in none', async () => {
      for (const org of ['acme', 'nowhere']) {
        expect((await app.as(mallory).post(`/orgs/${org}/projects`, { slug: 'x' }).expect(404)).body).toEqual(
          NOTHING,
        );
      }
    });

    it('409: of many who want one slug at the same time exactly one gets it, with one default environment', async () => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => app.as(olivia).post('/orgs/acme/projects', { slug: 'raced' })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([
        201,
        ...Array.from({ length: 11 }, () => 409),
      ]);
      expect(answers.find(({ status }) => status === 409)?.body).toEqual({
        error: 'A project of this slug exists already.',
        code: 'already_exists',
      });
      expect((await app.as(olivia).get('/acme/raced/environments')).body).toHaveLength(1);
    });
  });

  describe('GET /orgs/{o}/projects', () => {
    it('200: shows each caller the projects in which they have a permission, by slug', async () => {
      const owners = slugsOf((await app.as(olivia).get('/orgs/acme/projects').expect(200)).body);
      expect(owners).toEqual(expect.arrayContaining(['api', 'ops', 'web']));
      expect(owners).toEqual([...owners].sort());
      expect(slugsOf((await app.as(adam).get('/orgs/acme/projects').expect(200)).body)).toEqual(['web']);
      expect(slugsOf((await app.as(vera).get('/orgs/acme/projects').expect(200)).body)).toEqual(['api']);
      const robot = await app.world.serviceToken(olivia, 'consumer', 'acme/web/prod');
      expect(slugsOf((await app.as(robot).get('/orgs/acme/projects').expect(200)).body)).toEqual(['web']);
    });

    it('200: comes in pages that skip what is not visible', async () => {
      await app.world.grant(olivia, vera, 'viewer', 'acme/web');
      const first = await app.as(vera).get('/orgs/acme/projects?limit=1').expect(200);
      expect(slugsOf(first.body)).toEqual(['api']);
      const next = nextOf(first) ?? '';
      const second = await app.as(vera).get(next).expect(200);
      expect(slugsOf(second.body)).toEqual(['web']);
      expect(second.headers['link']).toBeUndefined();
    });

    it('401 and 404: for nobody and for strangers', async () => {
      await app.as(null).get('/orgs/acme/projects').expect(401);
      expect((await app.as(mallory).get('/orgs/acme/projects').expect(404)).body).toEqual(NOTHING);
    });
  });

  describe('GET, PUT /orgs/{o}/projects/{p}', () => {
    it('200: who sees it reads it; who may change it renames it, on record', async () => {
      const { body } = await app
        .as(adam)
        .put('/orgs/acme/projects/web', { name: 'The web shop' })
        .expect(200);
      expect(body).toEqual({ slug: 'web', name: 'The web shop', createdAt: expect.stringMatching(TIME) });
      expect((await app.as(olivia).get('/orgs/acme/projects/web').expect(200)).body).toEqual(body);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'project.update',
        resource: { project: 'web', name: 'The web shop' },
      });
    });

    it.each([[{}], [{ name: '' }], [{ name: 5 }], [{ slug: 'new', name: 'x' }]])(
      '400: does not rename by %j',
      async (body) => {
        await app.as(adam).put('/orgs/acme/projects/web', body).expect(400);
      },
    );

    it('403: who only sees it does not rename it', async () => {
      await app.as(vera).get('/orgs/acme/projects/api').expect(200);
      const { body } = await app.as(vera).put('/orgs/acme/projects/api', { name: 'x' }).expect(403);
      expect(body.details).toEqual([{ permission: 'projects:write' }]);
    });

    it('404: a project out of sight, of others or of nobody is one and the same nothing', async () => {
      const texts = new Set<string>();
      for (const path of [
        '/orgs/acme/projects/ops',
        '/orgs/acme/projects/none',
        '/orgs/acme/projects/Web',
        '/orgs/evil/projects/web',
        '/orgs/acme/projects/own',
        '/orgs/acme/projects/%00',
      ]) {
        for (const answer of [
          await app.as(adam).get(path),
          await app.as(adam).put(path, { name: 'x' }),
          await app.as(adam).delete(path),
        ]) {
          expect(answer.status).toBe(404);
          texts.add(answer.text);
        }
      }
      expect([...texts].map((text) => JSON.parse(text) as unknown)).toEqual([NOTHING]);
    });
  });

  describe('DELETE /orgs/{o}/projects/{p}', () => {
    let made = 0;

    async function project(): Promise<string> {
      made += 1;
      const slug = `short-lived-${String(made)}`;
      await app.as(olivia).post('/orgs/acme/projects', { slug }).expect(201);
      return slug;
    }

    it.each(['', '?force=false', '?force=true'])(
      '204: one with nothing but an empty default environment goes by %s',
      async (query) => {
        const slug = await project();
        await app.as(olivia).delete(`/orgs/acme/projects/${slug}${query}`).expect(204);
        await app.as(olivia).get(`/orgs/acme/projects/${slug}`).expect(404);
        expect((await app.events('acme')).at(-1)).toMatchObject({
          action: 'project.delete',
          outcome: 'allowed',
          resource: { project: slug, force: query === '?force=true' },
        });
      },
    );

    it('204: a default environment whose secrets are all deleted is empty', async () => {
      const slug = await project();
      const environment = await app.world.environment(`acme/${slug}/default`, olivia);
      await environment.secret('GONE', 'value');
      await app.as(olivia).delete(environment.secretPath('GONE')).expect(200);
      await app.as(olivia).delete(`/orgs/acme/projects/${slug}`).expect(204);
    });

    it('409: another environment, or a secret, keeps it, unless force takes everything with it', async () => {
      const withEnvironment = await project();
      await app.as(olivia).post(`/acme/${withEnvironment}/environments`, { name: 'prod' }).expect(201);
      const withSecret = await project();
      await (await app.world.environment(`acme/${withSecret}/default`, olivia)).secret('KEY', 'value');
      for (const slug of [withEnvironment, withSecret]) {
        for (const query of ['', '?force=false']) {
          const { body } = await app.as(olivia).delete(`/orgs/acme/projects/${slug}${query}`).expect(409);
          expect(body.code).toBe('conflict');
        }
        const { rows } = await app.sql.query<{ id: string }>('select id from projects where slug = $1', [
          slug,
        ]);
        await app.as(olivia).delete(`/orgs/acme/projects/${slug}?force=true`).expect(204);
        const keys = await app.sql.query('select from data_keys where project_id = $1', [rows[0]?.id]);
        expect(keys.rows).toHaveLength(0);
      }
    });

    it('204: grants and tokens of the project go with it, and do not come back with its slug', async () => {
      const slug = await project();
      const paula = await app.world.user('paula');
      await app.world.grant(olivia, paula, 'admin', `acme/${slug}`);
      const robot = await app.world.serviceToken(olivia, 'viewer', `acme/${slug}`);
      await app.as(paula).get('/orgs/acme').expect(200);
      await app.as(paula).delete(`/orgs/acme/projects/${slug}`).expect(204);
      await app.as(olivia).post('/orgs/acme/projects', { slug }).expect(201);
      await app.as(paula).get('/orgs/acme').expect(404);
      await app.as(robot).get('/orgs/acme').expect(401);
    });

    it.each(['force=yes', 'force=TRUE', 'force=1', 'force=', 'force=true&force=true', 'cascade=true'])(
      '400: %s',
      async (query) => {
        const slug = await project();
        await app.as(olivia).delete(`/orgs/acme/projects/${slug}?${query}`).expect(400);
        await app.as(olivia).get(`/orgs/acme/projects/${slug}`).expect(200);
      },
    );

    it('403: who only sees it does not delete it', async () => {
      await app.as(vera).delete('/orgs/acme/projects/api?force=true').expect(403);
    });

    it('waits for an environment that is being made, and then sees it', async () => {
      const slug = await project();
      await app.sql.query('begin');
      await app.sql.query(
        `insert into environments (org_id, id, project_id, name, created_at)
         select org_id, gen_random_uuid(), id, 'prod', now() from projects where slug = $1`,
        [slug],
      );
      const deletion = app
        .as(olivia)
        .delete(`/orgs/acme/projects/${slug}`)
        .then((answer) => answer);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await app.sql.query('commit');
      expect((await deletion).status).toBe(409);
    });

    it('never loses what is made in it at the same time: either that is refused, or the deletion', async () => {
      for (let round = 0; round < 4; round += 1) {
        const slug = await project();
        const path = `/acme/${slug}/envs/default/secrets`;
        const [deleted, ...others] = await Promise.all([
          app.as(olivia).delete(`/orgs/acme/projects/${slug}`),
          ...Array.from({ length: 4 }, (_, index) =>
            app.as(olivia).post(path, { kind: 'Secret', name: `S${String(index)}` }),
          ),
          app.as(olivia).post(`/acme/${slug}/environments`, { name: 'prod' }),
        ]);
        const made = others.filter(({ status }) => status === 201);
        expect(others.filter(({ status }) => ![201, 404].includes(status))).toEqual([]);
        expect(deleted.status).toBe(made.length > 0 ? 409 : 204);
      }
    });
  });
});
