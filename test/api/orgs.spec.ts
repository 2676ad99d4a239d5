import { TestApp } from '../support/app.js';
import { allPages } from '../support/pages.js';
import type { Person } from '../support/world.js';

const NOTHING = { error: 'There is nothing here that you may see.', code: 'not_found' };
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('organisations', () => {
  let app: TestApp;
  let olivia: Person;
  let mallory: Person;

  beforeAll(async () => {
    app = await TestApp.start();
    olivia = await app.world.user('olivia');
    mallory = await app.world.user('mallory');
  });

  afterAll(() => app.close());

  function fieldsOf(body: { details?: { field: string }[] }): string[] {
    return (body.details ?? []).map(({ field }) => field);
  }

  describe('POST /orgs', () => {
    it('201: answers with the organisation, whose owner the caller is, on record', async () => {
      const { body } = await app.as(olivia).post('/orgs', { slug: 'first', name: 'The First' }).expect(201);
      expect(body).toEqual({ slug: 'first', name: 'The First', createdAt: expect.stringMatching(TIME) });
      const members = await app.as(olivia).get('/orgs/first/members').expect(200);
      expect(members.body).toMatchObject([
        { user: { username: 'olivia' }, grants: [{ role: 'owner', scope: 'first' }] },
      ]);
      expect(await app.events('first')).toMatchObject([
        {
          action: 'org.create',
          outcome: 'allowed',
          actor_name: 'olivia',
          resource: { org: 'first', name: 'The First' },
        },
      ]);
    });

    it('201: calls it by its slug when it is given no name', async () => {
      const { body } = await app.as(olivia).post('/orgs', { slug: 'nameless' }).expect(201);
      expect(body.name).toBe('nameless');
    });

    it('201: takes slugs of 1 to 63 lower-case letters, digits and single hyphens', async () => {
      for (const slug of ['a', '7', 'a-b', 'a'.repeat(63), 'x1-y2-z3', 'new-org', 'me2']) {
        await app.as(olivia).post('/orgs', { slug }).expect(201);
      }
    });

    it('201: takes names of any script and up to 200 characters as they are', async () => {
      for (const name of ['Zoë & Söhne 株式会社', '🦊'.repeat(200), '<b>"x"</b>', '__proto__']) {
        const slug = `n${Buffer.from(name).toString('hex').slice(0, 40)}`;
        const { body } = await app.as(olivia).post('/orgs', { slug, name }).expect(201);
        expect(body.name).toBe(name);
        expect((await app.as(olivia).get(`/orgs/${slug}`)).body.name).toBe(name);
      }
    });

    it.each([
      ['nothing', undefined],
      ['null', null],
      ['a number', 5],
      ['an array', ['acme']],
      ['an empty one', ''],
      ['capitals', 'Acme'],
      ['a space', 'a b'],
      ['an underscore', 'a_b'],
      ['a dot', 'a.b'],
      ['a slash', 'a/b'],
      ['two hyphens in a row', 'a--b'],
      ['a hyphen in front', '-a'],
      ['a hyphen behind', 'a-'],
      ['a line break behind', 'acme\n'],
      ['64 characters', 'a'.repeat(64)],
      ['10,000 characters', 'a'.repeat(10_000)],
      ['full-width letters', 'ａcme'],
      ['a Kelvin sign', '\u212a1'],
      ['an accent', 'é'],
      ['__proto__', '__proto__'],
    ])('400: refuses as a slug: %s', async (_, slug) => {
      const { body } = await app.as(olivia).post('/orgs', { slug }).expect(400);
      expect(body.code).toBe('invalid_request');
      expect(fieldsOf(body)).toEqual(['slug']);
    });

    it.each([
      'admin',
      'root',
      'system',
      'me',
      'new',
      'null',
      'undefined',
      'auth',
      'orgs',
      'api',
      'docs',
      'metrics',
    ])('400: keeps the slug %s for the service', async (slug) => {
      const { body } = await app.as(olivia).post('/orgs', { slug }).expect(400);
      expect(fieldsOf(body)).toEqual(['slug']);
    });

    it.each([
      ['null', null],
      ['an empty one', ''],
      ['a blank one', '  \u3000 '],
      ['201 characters', '🦊'.repeat(201)],
      ['a line break', 'a\nb'],
      ['an escape character', 'a\u001b[31mb'],
      ['a mark that turns direction', 'a\u202eb'],
      ['a NUL', 'a\0b'],
      ['a lone surrogate', 'a\ud800'],
      ['an object', { toString: 'x' }],
    ])('400: refuses as a name: %s', async (_, name) => {
      const { body } = await app.as(olivia).post('/orgs', { slug: 'unnamed', name }).expect(400);
      expect(fieldsOf(body)).toEqual(['name']);
    });

    it('400: tells every broken field at once, and fields that it does not know', async () => {
      const { body } = await app
        .as(olivia)
        .post('/orgs', { slug: 'A', name: '', owner: 'mallory' })
        .expect(400);
      expect(fieldsOf(body).sort()).toEqual(['name', 'owner', 'slug']);
      expect(JSON.stringify(body)).not.toContain('mallory');
    });

    it('401: wants a credential', async () => {
      await app.as(null).post('/orgs', { slug: 'anonymous' }).expect(401);
    });

    it('403: a service token makes no organisations', async () => {
      await app.world.org('robots', olivia);
      await app.world.environment('robots/web/default', olivia);
      const robot = await app.world.serviceToken(olivia, 'admin', 'robots/web');
      const { body } = await app.as(robot).post('/orgs', { slug: 'of-a-robot' }).expect(403);
      expect(body.code).toBe('forbidden');
    });

    it('409: a slug is used once, whoever asks', async () => {
      await app.world.org('once', olivia);
      for (const person of [olivia, mallory]) {
        const { body } = await app.as(person).post('/orgs', { slug: 'once', name: 'Again' }).expect(409);
        expect(body).toEqual({
          error: 'An organisation of this slug exists already.',
          code: 'already_exists',
        });
      }
      expect((await app.as(olivia).get('/orgs/once')).body.name).toBe('once');
    });

    it('409: of many who want one slug at the same time exactly one gets it', async () => {
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          app.as(index % 2 === 0 ? olivia : mallory).post('/orgs', { slug: 'raced' }),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([
        201,
        ...Array.from({ length: 15 }, () => 409),
      ]);
      const { rows } = await app.sql.query(
        `select from grants where org_id in (select org_id from org_slugs where slug = 'raced')`,
      );
      expect(rows).toHaveLength(1);
    });
  });

  describe('GET /orgs', () => {
    let nina: Person;

    beforeAll(async () => {
      nina = await app.world.user('nina');
      for (const slug of ['nina-c', 'nina-a', 'nina-b']) await app.world.org(slug, nina);
      await app.world.environment('first/shop/prod', olivia);
      await app.world.grant(olivia, nina, 'viewer', 'first/shop/prod');
    });

    it('200: lists the organisations in which the caller has a grant, however small, by slug', async () => {
      const { body } = await app.as(nina).get('/orgs').expect(200);
      expect(body.map(({ slug }: { slug: string }) => slug)).toEqual(['first', 'nina-a', 'nina-b', 'nina-c']);
      expect(body[0]).toEqual({ slug: 'first', name: 'The First', createdAt: expect.stringMatching(TIME) });
    });

    it('200: is empty for somebody without a grant', async () => {
      const nobody = await app.world.user('nobody');
      expect((await app.as(nobody).get('/orgs').expect(200)).body).toEqual([]);
    });

    it('200: comes in pages, each with a link to the next', async () => {
      const all = await app.as(nina).get('/orgs').expect(200);
      expect(await allPages(app.as(nina), '/orgs?limit=3')).toEqual(all.body);
      const first = await app.as(nina).get('/orgs?limit=3').expect(200);
      expect(first.body).toEqual(all.body.slice(0, 3));
    });

    it.each(['limit=0', 'limit=1001', 'limit=x', 'limit=1&limit=2', 'cursor=x', 'cursor=WzFd', 'owner=me'])(
      '400: %s',
      async (query) => {
        await app.as(nina).get(`/orgs?${query}`).expect(400);
      },
    );

    it('401: wants a credential', async () => {
      await app.as(null).get('/orgs').expect(401);
    });

    it('403: a service token has no organisations', async () => {
      const robot = await app.world.serviceToken(olivia, 'viewer', 'first/shop');
      await app.as(robot).get('/orgs').expect(403);
      expect((await app.events('first')).at(-1)).toMatchObject({ action: 'org.list', outcome: 'denied' });
    });
  });

  describe('GET, PATCH /orgs/{o}', () => {
    let viewer: Person;

    beforeAll(async () => {
      viewer = await app.world.user('vera');
      await app.world.org('acme', olivia);
      await app.world.environment('acme/web/prod', olivia);
      await app.world.environment('acme/web/dev', olivia);
      await app.world.grant(olivia, viewer, 'viewer', 'acme/web/prod');
    });

    it('200: every member reads it, also one of a single environment and its service token', async () => {
      const robot = await app.world.serviceToken(olivia, 'consumer', 'acme/web/prod');
      for (const caller of [olivia, viewer, robot]) {
        const { body } = await app.as(caller).get('/orgs/acme').expect(200);
        expect(body).toEqual({ slug: 'acme', name: 'acme', createdAt: expect.stringMatching(TIME) });
      }
    });

    it('200: an owner renames it, on record', async () => {
      const before = await app.as(olivia).get('/orgs/acme');
      const { body } = await app.as(olivia).patch('/orgs/acme', { name: 'Acme Ltd' }).expect(200);
      expect(body).toEqual({ ...before.body, name: 'Acme Ltd' });
      expect((await app.as(viewer).get('/orgs/acme')).body).toEqual(body);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'org.update',
        resource: { name: 'Acme Ltd' },
      });
    });

    it.each([[{}], [{ name: null }], [{ name: '' }], [{ slug: 'x', name: 'x' }], [{ name: 'x', x: 1 }]])(
      '400: does not rename by %j',
      async (body) => {
        await app.as(olivia).patch('/orgs/acme', body).expect(400);
      },
    );

    it('403: a member who may not manage it is told which permission that takes, whatever the body', async () => {
      for (const body of [{ name: 'x' }, {}, { x: 1 }]) {
        const answer = await app.as(viewer).patch('/orgs/acme', body).expect(403);
        expect(answer.body).toMatchObject({ code: 'forbidden', details: [{ permission: 'org:manage' }] });
      }
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'org.update',
        outcome: 'denied',
        actor_name: 'vera',
        resource: { permission: 'org:manage' },
      });
    });

    it('404: to a stranger every organisation is as good as none, byte for byte', async () => {
      const texts = new Set<string>();
      const slugs = [
        'acme',
        'nothing-here',
        'ACME',
        'a--b',
        'auth',
        'a'.repeat(10_000),
        '__proto__',
        'caf%C3%A9',
        '%00',
      ];
      for (const slug of slugs) {
        for (const answer of [
          await app.as(mallory).get(`/orgs/${slug}`),
          await app.as(mallory).patch(`/orgs/${slug}`, { name: 'x' }),
          await app.as(mallory).delete(`/orgs/${slug}`),
          await app.as(mallory).get(`/orgs/${slug}/projects`),
          await app.as(mallory).get(`/orgs/${slug}/members`),
        ]) {
          expect(answer.status).toBe(404);
          texts.add(answer.text);
        }
      }
      expect([...texts]).toEqual([JSON.stringify(NOTHING)]);
    });

    it('404: a service token of another organisation is a stranger', async () => {
      await app.world.org('elsewhere', mallory);
      await app.world.environment('elsewhere/web/default', mallory);
      const robot = await app.world.serviceToken(mallory, 'admin', 'elsewhere/web');
      expect((await app.as(robot).get('/orgs/acme').expect(404)).body).toEqual(NOTHING);
    });
  });

  describe('DELETE /orgs/{o}', () => {
    async function rowsOf(orgId: string): Promise<Record<string, number>> {
      const counts: Record<string, number> = {};
      for (const table of [
        'organisations',
        'org_slugs',
        'projects',
        'environments',
        'data_keys',
        'grants',
        'service_tokens',
        'secrets',
        'secret_versions',
      ]) {
        const { rows } = await app.sql.query<{ n: number }>(
          `select count(*)::integer as n from ${table} where org_id = $1`,
          [orgId],
        );
        counts[table] = rows[0]?.n ?? -1;
      }
      return counts;
    }

    async function idOf(slug: string): Promise<string> {
      const { rows } = await app.sql.query<{ org_id: string }>(
        'select org_id from org_slugs where slug = $1',
        [slug],
      );
      return rows[0]?.org_id ?? '';
    }

    it('204: everything of it is gone, its data keys included; its trail ends with the deletion', async () => {
      await app.world.org('doomed', olivia);
      const environment = await app.world.environment('doomed/web/prod', olivia);
      await environment.secret('KEY', 'value');
      await app.world.serviceToken(olivia, 'viewer', 'doomed/web');
      const orgId = await idOf('doomed');
      expect(Object.values(await rowsOf(orgId)).every((count) => count > 0)).toBe(true);

      const answer = await app.as(olivia).delete('/orgs/doomed').expect(204);
      expect(answer.text).toBe('');
      expect(Object.values(await rowsOf(orgId)).every((count) => count === 0)).toBe(true);
      const { rows } = await app.sql.query(
        'select action, resource from org_events where org_id = $1 order by seq desc limit 1',
        [orgId],
      );
      expect(rows).toEqual([{ action: 'org.delete', resource: { org: 'doomed' } }]);
      await app.as(olivia).get('/orgs/doomed').expect(404);
      await app.as(olivia).delete('/orgs/doomed').expect(404);
    });

    it('204: whoever takes the slug afterwards shares nothing with it', async () => {
      await app.world.org('phoenix', olivia);
      const environment = await app.world.environment('phoenix/web/prod', olivia);
      await environment.secret('KEY', 'value');
      const old = await app.world.serviceToken(olivia, 'consumer', 'phoenix/web');
      await app.as(old).get(`${environment.path}/values`).expect(200);
      await app.as(olivia).delete('/orgs/phoenix').expect(204);
      await app.as(old).get(`${environment.path}/values`).expect(401);

      await app.world.org('phoenix', mallory);
      await app.world.environment('phoenix/web/prod', mallory);
      await app.as(old).get('/orgs/phoenix').expect(401);
      await app.as(olivia).get('/orgs/phoenix').expect(404);
      expect((await app.as(mallory).get(`${environment.path}/secrets`).expect(200)).body).toEqual([]);
      expect(await app.events('phoenix')).not.toContainEqual(
        expect.objectContaining({ actor_name: 'olivia' }),
      );
    });

    it('400: takes no parameter', async () => {
      await app.as(olivia).delete('/orgs/acme?force=true').expect(400);
    });

    it('403: an administrator does not delete it', async () => {
      const anna = await app.world.user('anna');
      await app.world.grant(olivia, anna, 'admin', 'acme');
      await app.as(anna).delete('/orgs/acme').expect(403);
      // Owning a part is not owning the whole.
      await app.world.grant(olivia, anna, 'owner', 'acme/web');
      await app.as(anna).delete('/orgs/acme').expect(403);
      await app.as(olivia).get('/orgs/acme').expect(200);
    });

    it('204 once, 404 for the others, when many delete it at the same time while others still work in it', async () => {
      await app.world.org('crowded', olivia);
      const environment = await app.world.environment('crowded/web/prod', olivia);
      const answers = await Promise.all([
        ...Array.from({ length: 6 }, (_, index) =>
          app.as(olivia).post(`${environment.path}/secrets`, { kind: 'Secret', name: `S${String(index)}` }),
        ),
        ...Array.from({ length: 4 }, (_, index) =>
          app.as(olivia).post('/orgs/crowded/projects', { slug: `p${String(index)}` }),
        ),
        ...Array.from({ length: 3 }, () => app.as(olivia).delete('/orgs/crowded')),
        ...Array.from({ length: 4 }, (_, index) =>
          app.as(olivia).post('/crowded/web/environments', { name: `e${String(index)}` }),
        ),
        ...Array.from({ length: 4 }, () =>
          app.as(olivia).post('/orgs/crowded/grants', { user: 'mallory', role: 'viewer' }),
        ),
      ]);
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 204)).toHaveLength(1);
      expect(statuses.filter((status) => ![201, 204, 404, 409].includes(status))).toEqual([]);
      await app.as(olivia).get('/orgs/crowded').expect(404);
    });
  });
});
