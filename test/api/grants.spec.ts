import { TestApp } from '../support/app.js';
import { allPages } from '../support/pages.js';
import type { Person } from '../support/world.js';

const NOTHING = { error: 'There is nothing here that you may see.', code: 'not_found' };
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

describe('grants', () => {
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
    await app.world.environment('evil/web/prod', mallory);
    await app.world.grant(olivia, adam, 'admin', 'acme/web/prod');
    await app.world.grant(olivia, vera, 'viewer', 'acme/web');
  });

  afterAll(() => app.close());

  let people = 0;
  function somebody(): Promise<Person> {
    people += 1;
    return app.world.user(`person-${String(people)}`);
  }

  describe('POST /orgs/{o}/grants', () => {
    it.each([
      ['the organisation', {}, 'acme'],
      ['a project', { project: 'web' }, 'acme/web'],
      ['an environment', { project: 'web', environment: 'prod' }, 'acme/web/prod'],
    ])('201: gives a role in %s, on record, and it holds with the next request', async (_, scope, path) => {
      const user = await somebody();
      await app.as(user).get('/acme/web/envs/prod/secrets').expect(404);
      const { body } = await app
        .as(olivia)
        .post('/orgs/acme/grants', { user: user.username, role: 'viewer', ...scope })
        .expect(201);
      expect(body).toEqual({
        id: expect.stringMatching(UUID),
        user: { username: user.username, email: user.email },
        role: 'viewer',
        scope: path,
        createdAt: expect.stringMatching(TIME),
      });
      await app.as(user).get('/acme/web/envs/prod/secrets').expect(200);
      const events = await app.events('acme');
      expect(events.filter(({ action }) => action === 'grant.give').at(-1)).toMatchObject({
        outcome: 'allowed',
        actor_name: 'olivia',
        resource: { user: user.username, role: 'viewer', ...scope },
      });
    });

    it('201: finds the user by their e-mail address too, however it is written', async () => {
      const user = await somebody();
      const { body } = await app
        .as(olivia)
        .post('/orgs/acme/grants', { user: user.email.toUpperCase(), role: 'member' })
        .expect(201);
      expect(body.user).toEqual({ username: user.username, email: user.email });
    });

    it('201: one user holds several roles in several scopes', async () => {
      const user = await somebody();
      for (const role of ['viewer', 'member', 'admin', 'owner', 'consumer'])
        await app.world.grant(olivia, user, role, 'acme/web');
      await app.world.grant(olivia, user, 'viewer', 'acme/api');
    });

    it('201: an owner may give themself consumer, and reads values from then on', async () => {
      const owner = await somebody();
      await app.world.org('self-service', owner);
      const environment = await app.world.environment('self-service/web/prod', owner);
      await environment.secret('KEY', 'value');
      await app.as(owner).get(environment.secretPath('KEY/value')).expect(403);
      await app.world.grant(owner, owner, 'consumer', 'self-service/web/prod');
      await app.as(owner).get(environment.secretPath('KEY/value')).expect(200);
    });

    it.each([
      [{}, ['role', 'user']],
      [{ user: 'vera', role: 'king' }, ['role']],
      [{ user: 'vera', role: 'Viewer' }, ['role']],
      [{ user: 'vera', role: '__proto__' }, ['role']],
      [{ user: 'vera', role: 'toString' }, ['role']],
      [{ user: 'vera', role: '' }, ['role']],
      [{ user: 'vera', role: null }, ['role']],
      [{ user: 'vera', role: ['viewer'] }, ['role']],
      [{ user: 'nobody-here', role: 'viewer' }, ['user']],
      [{ user: 'nobody@example.com', role: 'viewer' }, ['user']],
      [{ user: '', role: 'viewer' }, ['user']],
      [{ user: { username: 'vera' }, role: 'viewer' }, ['user']],
      [{ user: 'x'.repeat(10_000), role: 'viewer' }, ['user']],
      [{ user: 'nobody-here', role: 'king' }, ['role', 'user']],
      [{ user: 'vera', role: 'viewer', environment: 'prod' }, ['environment']],
      [{ user: 'vera', role: 'viewer', project: null }, ['project']],
      [{ user: 'vera', role: 'viewer', project: '' }, ['project']],
      [{ user: 'vera', role: 'viewer', project: 'web', environment: null }, ['environment']],
      [{ user: 'vera', role: 'viewer', project: 'web', environment: '' }, ['environment']],
      [{ user: 'vera', role: 'viewer', project: ['web'] }, ['project']],
      [{ user: 'vera', role: 'viewer', scope: 'acme/web' }, ['scope']],
    ])('400: %j', async (body, fields) => {
      const before = await app.sql.query('select from grants');
      const answer = await app.as(olivia).post('/orgs/acme/grants', body).expect(400);
      const found: string[] = answer.body.details.map(({ field }: { field: string }) => field);
      expect([...new Set(found)].sort()).toEqual(fields);
      expect((await app.sql.query('select from grants')).rows).toHaveLength(before.rows.length);
    });

    it('400: a role of another organisation is no role here', async () => {
      await app.world.role(mallory, 'evil', 'foreign-role', ['secrets:read']);
      await app.as(olivia).post('/orgs/acme/grants', { user: 'vera', role: 'foreign-role' }).expect(400);
    });

    it('401: wants a credential', async () => {
      await app.as(null).post('/orgs/acme/grants', { user: 'vera', role: 'viewer' }).expect(401);
    });

    it('403: the permission is needed in the scope that the body names, not in one beside or below it', async () => {
      const give = (scope: object) =>
        app.as(adam).post('/orgs/acme/grants', { user: 'mallory', role: 'viewer', ...scope });
      for (const scope of [{}, { project: 'web' }]) {
        const { body } = await give(scope).expect(403);
        expect(body).toMatchObject({ code: 'forbidden', details: [{ permission: 'members:manage' }] });
      }
      const viewer = app.as(vera).post('/orgs/acme/grants', { user: 'vera', role: 'owner', project: 'web' });
      expect((await viewer.expect(403)).body.details).toEqual([{ permission: 'members:manage' }]);
      await give({ project: 'web', environment: 'prod' }).expect(201);
    });

    it('403: is told before the body is looked at', async () => {
      await app.as(vera).post('/orgs/acme/grants', { nonsense: true }).expect(403);
    });

    it('404: a scope out of sight, of others, of nobody or malformed looks like nothing', async () => {
      for (const scope of [
        { project: 'web', environment: 'dev' },
        { project: 'web', environment: 'none' },
        { project: 'api' },
        { project: 'none' },
        { project: 'Web' },
        { project: 'api', environment: 'prod' },
      ]) {
        const { body } = await app
          .as(adam)
          .post('/orgs/acme/grants', { user: 'vera', role: 'viewer', ...scope })
          .expect(404);
        expect(body).toEqual(NOTHING);
      }
      expect(
        (await app.as(adam).post('/orgs/evil/grants', { user: 'adam', role: 'owner' }).expect(404)).body,
      ).toEqual(NOTHING);
    });

    it('409: the same role in the same scope is given once, also by many at the same time', async () => {
      const user = await somebody();
      const answers = await Promise.all(
        Array.from({ length: 10 }, () =>
          app.as(olivia).post('/orgs/acme/grants', { user: user.username, role: 'viewer', project: 'web' }),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([
        201,
        ...Array.from({ length: 9 }, () => 409),
      ]);
      expect(answers.find(({ status }) => status === 409)?.body.code).toBe('already_exists');
    });
  });

  describe('GET /orgs/{o}/grants', () => {
    it('200: lists grants by username, with their scopes', async () => {
      const { body } = await app.as(olivia).get('/orgs/acme/grants').expect(200);
      const names = body.map(({ user }: { user: { username: string } }) => user.username);
      expect(names).toEqual([...names].sort());
      expect(body).toContainEqual({
        id: expect.stringMatching(UUID),
        user: { username: 'adam', email: 'adam@example.com' },
        role: 'admin',
        scope: 'acme/web/prod',
        createdAt: expect.stringMatching(TIME),
      });
    });

    it('200: shows an administrator of one environment what lies there and above, and nothing beside it', async () => {
      const user = await somebody();
      await app.world.grant(olivia, user, 'viewer', 'acme/web/dev');
      await app.world.grant(olivia, user, 'viewer', 'acme/api');
      const { body } = await app.as(adam).get('/orgs/acme/grants').expect(200);
      const scopes = new Set(body.map(({ scope }: { scope: string }) => scope));
      expect([...scopes].sort()).toEqual(['acme', 'acme/web', 'acme/web/prod']);
    });

    it('200: comes in pages that together are the whole', async () => {
      const all = (await app.as(olivia).get('/orgs/acme/grants').expect(200)).body;
      expect(await allPages(app.as(olivia), '/orgs/acme/grants?limit=3')).toEqual(all);
    });

    it('401, 403, 404: for nobody, for those who manage no members, for strangers', async () => {
      await app.as(null).get('/orgs/acme/grants').expect(401);
      expect((await app.as(vera).get('/orgs/acme/grants').expect(403)).body.details).toEqual([
        { permission: 'members:manage' },
      ]);
      const stranger = await somebody();
      expect((await app.as(stranger).get('/orgs/acme/grants').expect(404)).body).toEqual(NOTHING);
    });
  });

  describe('DELETE /orgs/{o}/grants/{id}', () => {
    it('204: takes it away, on record; it ends with the next request and only once', async () => {
      const user = await somebody();
      const id = await app.world.grant(olivia, user, 'member', 'acme/web/prod');
      await app.as(user).get('/acme/web/envs/prod/secrets').expect(200);
      await app.as(adam).delete(`/orgs/acme/grants/${id}`).expect(204);
      await app.as(user).get('/acme/web/envs/prod/secrets').expect(404);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'grant.take',
        outcome: 'allowed',
        actor_name: 'adam',
        resource: { user: user.username, role: 'member', project: 'web', environment: 'prod' },
      });
      await app.as(adam).delete(`/orgs/acme/grants/${id}`).expect(404);
    });

    it('403: one that is seen, but lies where the caller manages no members; the refusal is on record', async () => {
      const user = await somebody();
      const id = await app.world.grant(olivia, user, 'viewer', 'acme/web');
      const { body } = await app.as(adam).delete(`/orgs/acme/grants/${id}`).expect(403);
      expect(body).toMatchObject({ code: 'forbidden', details: [{ permission: 'members:manage' }] });
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'grant.take',
        outcome: 'denied',
        actor_name: 'adam',
        resource: { user: user.username, role: 'viewer', project: 'web', permission: 'members:manage' },
      });
      await app.as(user).get('/acme/web/environments').expect(200);
    });

    it('403: for a member who manages nobody, whether the grant exists or not', async () => {
      for (const id of ['00000000-0000-4000-8000-000000000000', 'x'])
        await app.as(vera).delete(`/orgs/acme/grants/${id}`).expect(403);
    });

    it('404: one out of sight, of another organisation, of none, and what is no id at all look alike', async () => {
      const user = await somebody();
      const beside = await app.world.grant(olivia, user, 'viewer', 'acme/web/dev');
      const foreign = await app.world.grant(mallory, user, 'viewer', 'evil/web');
      for (const id of [
        beside,
        foreign,
        '00000000-0000-4000-8000-000000000000',
        'x',
        '%00',
        'a'.repeat(5_000),
        beside.toUpperCase(),
      ]) {
        const { status, body } = await app.as(adam).delete(`/orgs/acme/grants/${id}`);
        expect([status, body]).toEqual([404, NOTHING]);
      }
      await app.as(user).get('/acme/web/environments/dev').expect(200);
      await app.as(user).get('/evil/web/environments').expect(200);
    });

    it('409: the last owner of the organisation stays', async () => {
      const owner = await somebody();
      await app.world.org('lonely', owner);
      await app.world.environment('lonely/web/default', owner);
      const friend = await somebody();
      // Owning a part does not count: somebody must be able to manage the whole.
      await app.world.grant(owner, friend, 'owner', 'lonely/web');
      const { body: grants } = await app.as(owner).get('/orgs/lonely/grants').expect(200);
      const { id } = grants.find(({ scope }: { scope: string }) => scope === 'lonely');
      const { body } = await app.as(owner).delete(`/orgs/lonely/grants/${id}`).expect(409);
      expect(body.code).toBe('last_owner');
      expect((await app.events('lonely')).filter(({ action }) => action === 'grant.take')).toEqual([]);
      await app.world.grant(owner, friend, 'owner', 'lonely');
      await app.as(owner).delete(`/orgs/lonely/grants/${id}`).expect(204);
      await app.as(owner).get('/orgs/lonely').expect(404);
    });

    it('409: of owners who take each other away at the same time one is left', async () => {
      for (let round = 0; round < 4; round += 1) {
        const owners = await Promise.all([somebody(), somebody(), somebody()]);
        const [first] = owners;
        const slug = `duel-${String(round)}`;
        await app.world.org(slug, first);
        for (const owner of owners.slice(1)) await app.world.grant(first, owner, 'owner', slug);
        const { body: grants } = await app.as(first).get(`/orgs/${slug}/grants`).expect(200);
        const answers = await Promise.all(
          owners.flatMap((owner) =>
            grants.map(({ id }: { id: string }) => app.as(owner).delete(`/orgs/${slug}/grants/${id}`)),
          ),
        );
        expect(answers.filter(({ status }) => ![204, 403, 404, 409].includes(status))).toEqual([]);
        expect(answers.filter(({ status }) => status === 204)).toHaveLength(2);
        const { rows } = await app.sql.query(
          `select role from grants g join org_slugs s on s.org_id = g.org_id where s.slug = $1`,
          [slug],
        );
        expect(rows).toEqual([{ role: 'owner' }]);
      }
    });

    it.each(['an administrator', 'a service token'])(
      'leaves %s who is being removed no time to give anything back',
      async (kind) => {
        const traitor = await somebody();
        await app.world.grant(olivia, traitor, 'admin', 'acme/web');
        const robot = await app.world.serviceToken(olivia, 'admin', 'acme/web');
        // Somebody else is at the grants: the request has come past the guards and waits for its turn.
        await app.sql.query('begin');
        await app.sql.query(
          `select from organisations o join org_slugs s using (org_id) where s.slug = 'acme' for update of o`,
        );
        const giving = app
          .as(kind === 'a service token' ? robot : traitor)
          .post('/orgs/acme/grants', { user: traitor.username, role: 'member', project: 'web' })
          .then((answer) => answer);
        await new Promise((resolve) => setTimeout(resolve, 300));
        await app.sql.query('delete from grants where user_id = $1', [traitor.id]);
        await app.sql.query('delete from service_tokens where id = $1', [robot.id]);
        await app.sql.query('commit');
        expect((await giving).status).toBe(403);
        expect(
          (await app.sql.query('select from grants where user_id = $1', [traitor.id])).rows,
        ).toHaveLength(0);
      },
    );
  });
});
