import { exchange, trustIn } from '../support/exchange.js';
import { GITHUB_CLAIMS, GITLAB_CLAIMS, Issuer } from '../support/issuer.js';
import { TestApp } from '../support/app.js';
import { allPages } from '../support/pages.js';
import type { Client } from '../support/client.js';
import type { Person } from '../support/world.js';

const PATH = '/acme/web/trusts';
const NOWHERE = '7f9f2a4e-0f0c-4a3f-8f4e-0b6d1c2e3a40';

describe('trusts', () => {
  let app: TestApp;
  let issuer: Issuer;
  let owner: Person;
  let asOwner: Client;
  let devAdmin: Person;
  let prodAdmin: Person;
  let admin: Person;

  beforeAll(async () => {
    app = await TestApp.start({ config: { allowPrivateIssuers: true } });
    issuer = await Issuer.start();
    owner = await app.world.user('olivia');
    asOwner = app.as(owner);
    await app.world.org('acme', owner);
    await app.world.environment('acme/web/prod', owner);
    await app.world.environment('acme/web/dev', owner);
    await app.world.environment('acme/other/prod', owner);
    const adminOf = async (name: string, scope: string): Promise<Person> => {
      const person = await app.world.user(name);
      await app.world.grant(owner, person, 'admin', scope);
      return person;
    };
    devAdmin = await adminOf('dev-admin', 'acme/web/dev');
    prodAdmin = await adminOf('prod-admin', 'acme/web/prod');
    admin = await adminOf('admin', 'acme/web');
  });

  afterAll(async () => {
    await app.close();
    await issuer.stop();
  });

  let names = 0;
  const fresh = (): string => `trust-${String((names += 1))}`;
  const bodyOf = (more: object = {}) => ({
    name: fresh(),
    issuer: 'https://issuer.example.com',
    audience: 'coffer',
    claims: { sub: 'a-workload' },
    role: 'viewer',
    ttlSeconds: 900,
    ...more,
  });

  describe('POST /{o}/{p}/trusts', () => {
    it('201: says what it was given, field by field', async () => {
      const body = bodyOf({
        issuer: 'https://token.actions.githubusercontent.com',
        claims: { repository_id: '74', ref: ['refs/heads/main', 'refs/heads/release'] },
        envName: 'prod',
        role: 'consumer',
      });
      const before = Date.now();
      const made = await asOwner.post(PATH, body).expect(201);
      expect(made.body).toEqual({
        ...body,
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        createdBy: { type: 'user', name: 'olivia' },
        lastUsedAt: null,
      });
      expect(Date.parse(made.body.createdAt as string)).toBeGreaterThanOrEqual(before - 1_000);
    });

    it('201: without an environment it is one of the whole project', async () => {
      const made = await asOwner.post(PATH, bodyOf()).expect(201);
      expect(made.body.envName).toBeNull();
    });

    it('201: keeps claims whose names mean something to JavaScript', async () => {
      const claims = { toString: 'b', hasOwnProperty: 'c', valueOf: ['d'] };
      const made = await asOwner.post(PATH, bodyOf({ claims })).expect(201);
      expect(Object.entries(made.body.claims as object).sort()).toEqual(Object.entries(claims).sort());
    });

    it('201: stands in the trail, with what is trusted', async () => {
      const body = bodyOf({ envName: 'dev' });
      const made = await asOwner.post(PATH, body).expect(201);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'trust.create',
        outcome: 'allowed',
        actor_name: 'olivia',
        resource: {
          project: 'web',
          environment: 'dev',
          trust: body.name,
          trustId: made.body.id,
          role: 'viewer',
          issuer: body.issuer,
          claims: body.claims,
        },
      });
    });

    it('409: a project has a name once, in whatever environment; another project may use it', async () => {
      const body = bodyOf({ envName: 'prod' });
      await asOwner.post(PATH, body).expect(201);
      const again = await asOwner.post(PATH, { ...body, envName: 'dev' }).expect(409);
      expect(again.body.code).toBe('already_exists');
      await asOwner.post('/acme/other/trusts', body).expect(201);
    });

    it('409: of eight at once with one name, one is made', async () => {
      const body = bodyOf();
      const answers = await Promise.all(Array.from({ length: 8 }, () => asOwner.post(PATH, body)));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(409)]);
    });

    it.each([
      ['no name', { name: undefined }, ['name']],
      ['an empty name', { name: ' ' }, ['name']],
      ['a name of two lines', { name: 'a\nb' }, ['name']],
      ['a name of 101 characters', { name: 'x'.repeat(101) }, ['name']],
      ['no issuer', { issuer: undefined }, ['issuer']],
      ['an issuer that is no URL', { issuer: 'issuer.example.com' }, ['issuer']],
      ['an issuer of another scheme', { issuer: 'ftp://issuer.example.com' }, ['issuer']],
      ['an issuer with a query', { issuer: 'https://issuer.example.com/?a' }, ['issuer']],
      ['an issuer with a fragment', { issuer: 'https://issuer.example.com/#a' }, ['issuer']],
      ['an issuer with a password', { issuer: 'https://a:b@issuer.example.com' }, ['issuer']],
      ['an issuer with a space', { issuer: ' https://issuer.example.com' }, ['issuer']],
      ['an issuer with a tab inside', { issuer: 'https://issuer.exa\tmple.com' }, ['issuer']],
      ['an issuer with a backslash', { issuer: 'https://issuer.example.com\\a' }, ['issuer']],
      ['no audience', { audience: '' }, ['audience']],
      ['an audience that is a list', { audience: ['coffer'] }, ['audience']],
      ['no claims', { claims: undefined }, ['claims']],
      ['null for claims', { claims: null }, ['claims']],
      ['an empty object of claims', { claims: {} }, ['claims']],
      ['a list of claims', { claims: ['sub'] }, ['claims']],
      ['a text for claims', { claims: 'sub=a' }, ['claims']],
      ['an empty claim', { claims: { sub: '' } }, ['claims']],
      ['an empty list', { claims: { sub: [] } }, ['claims']],
      ['an empty text in a list', { claims: { sub: ['a', ''] } }, ['claims']],
      ['null in a claim', { claims: { sub: null } }, ['claims']],
      ['a number in a claim', { claims: { sub: 7 } }, ['claims']],
      ['true in a claim', { claims: { sub: true } }, ['claims']],
      ['an object in a claim', { claims: { sub: { is: 'a' } } }, ['claims']],
      ['a list in a list', { claims: { sub: [['a']] } }, ['claims']],
      ['a claim without a name', { claims: { '': 'a' } }, ['claims']],
      [
        '51 claims',
        { claims: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`c${i}`, 'a'])) },
        ['claims'],
      ],
      ['a value of 1,025 characters', { claims: { sub: 'x'.repeat(1_025) } }, ['claims']],
      ['no role', { role: '' }, ['role']],
      ['an unknown role', { role: 'emperor' }, ['role']],
      ['null for its environment', { envName: null }, ['envName']],
      ['an empty environment', { envName: '' }, ['envName']],
      ['no ttlSeconds', { ttlSeconds: undefined }, ['ttlSeconds']],
      ['59 seconds', { ttlSeconds: 59 }, ['ttlSeconds']],
      ['3,601 seconds', { ttlSeconds: 3_601 }, ['ttlSeconds']],
      ['half a second more', { ttlSeconds: 60.5 }, ['ttlSeconds']],
      ['seconds as a text', { ttlSeconds: '60' }, ['ttlSeconds']],
      ['a field that it does not know', { conditions: {} }, ['conditions']],
      [
        'everything wrong at once',
        { name: '', issuer: '', claims: {}, ttlSeconds: 0 },
        ['claims', 'issuer', 'name', 'ttlSeconds'],
      ],
    ])('400: %s', async (_, more, fields) => {
      const { body } = await asOwner.post(PATH, bodyOf(more)).expect(400);
      expect(body.code).toBe('invalid_request');
      const found = ((body.details ?? []) as { field: string }[]).map(({ field }) => field);
      expect([...new Set(found)].sort()).toEqual(fields);
    });

    it('400: is never an http issuer, unless the server allows issuers of its own house', async () => {
      await asOwner.post(PATH, bodyOf({ issuer: 'http://issuer.example.com' })).expect(201);
      const strict = await TestApp.start();
      const person = await strict.world.user('olivia');
      await strict.world.org('acme', person);
      await strict.world.environment('acme/web/prod', person);
      const body = bodyOf({ issuer: 'http://issuer.example.com' });
      const answer = await strict.as(person).post(PATH, body).expect(400);
      expect(answer.body.details).toEqual([{ field: 'issuer', error: expect.stringContaining('https') }]);
      await strict.close();
    });

    const github = 'https://token.actions.githubusercontent.com';
    const names_ = {
      sub: GITHUB_CLAIMS.sub,
      repository: GITHUB_CLAIMS.repository,
      repository_owner: GITHUB_CLAIMS.repository_owner,
      job_workflow_ref: GITHUB_CLAIMS.job_workflow_ref,
      environment: 'prod',
      actor_id: '12',
    };
    const groups = {
      sub: GITLAB_CLAIMS.sub,
      project_path: GITLAB_CLAIMS.project_path,
      namespace_path: GITLAB_CLAIMS.namespace_path,
      ref_protected: 'true',
      user_id: '1',
    };

    it.each([
      ['GitHub', github, names_, 'repository_id'],
      ['GitHub with a slash at its end', `${github}/`, names_, 'repository_owner_id'],
      ['GitHub in capitals', 'https://TOKEN.Actions.GitHubUserContent.com', names_, 'repository_id'],
      [
        'GitHub with a dot at its end',
        'https://token.actions.githubusercontent.com.',
        names_,
        'repository_id',
      ],
      ['GitHub with a port', `${github}:443`, names_, 'repository_id'],
      ['GitHub for one enterprise', `${github}/octo-enterprise`, names_, 'repository_id'],
      ['GitHub where the data stay', 'https://token.actions.octo.ghe.com', names_, 'repository_id'],
      ['GitHub of one’s own', 'https://github.example.com/_services/token', names_, 'repository_owner_id'],
      ['GitLab', 'https://gitlab.com', groups, 'project_id'],
      ['GitLab with a slash at its end', 'https://gitlab.com/', groups, 'namespace_id'],
      ['GitLab of one’s own', 'https://gitlab.example.com', groups, 'project_id'],
      [
        'GitLab of one’s own with a port and a path',
        'https://gitlab.example.com:8443/git',
        groups,
        'project_id',
      ],
      ['GitLab Dedicated', 'https://octo.gitlab-dedicated.com', groups, 'namespace_id'],
    ])('400: a trust in %s pins an id, for names change hands', async (_, issuerUrl, claims, id) => {
      for (const only of [claims, { sub: claims.sub }]) {
        const refused = await asOwner.post(PATH, bodyOf({ issuer: issuerUrl, claims: only })).expect(400);
        expect(refused.body.details).toEqual([
          {
            field: 'claims',
            error: expect.stringMatching(/must pin .*_id or .*_id: names at .* belong to somebody else/),
          },
        ]);
      }
      const other = id.startsWith('re') ? 'project_id' : 'repository_id';
      await asOwner
        .post(PATH, bodyOf({ issuer: issuerUrl, claims: { ...claims, [other]: '1' } }))
        .expect(400);
      await asOwner.post(PATH, bodyOf({ issuer: issuerUrl, claims: { ...claims, [id]: '1' } })).expect(201);
    });

    it('201: another issuer may be trusted by its subjects', async () => {
      for (const other of [
        'https://accounts.example.com',
        'https://notgitlab.example.com',
        'https://agent.example.com',
      ]) {
        await asOwner.post(PATH, bodyOf({ issuer: other })).expect(201);
      }
    });

    it('404: in an environment that does not exist, or may not be seen', async () => {
      const missing = await asOwner.post(PATH, bodyOf({ envName: 'nowhere' })).expect(404);
      const hidden = await app
        .as(devAdmin)
        .post(PATH, bodyOf({ envName: 'prod' }))
        .expect(404);
      expect(hidden.body).toEqual(missing.body);
    });
  });

  describe('nobody gives more than they hold', () => {
    it('an administrator of one environment makes a trust there, and nowhere outside of it', async () => {
      const client = app.as(devAdmin);
      await client.post(PATH, bodyOf({ envName: 'dev' })).expect(201);
      const wide = await client.post(PATH, bodyOf()).expect(403);
      expect(wide.body.details).toEqual([{ permission: 'tokens:manage' }]);
      await client.post(PATH, bodyOf({ envName: 'prod' })).expect(404);
      await client.post('/acme/other/trusts', bodyOf()).expect(404);
    });

    it.each(['consumer', 'owner'])(
      'an administrator makes no trust that is %s, and the refusal stands in the trail',
      async (role) => {
        const body = bodyOf({ role, envName: 'dev' });
        const { body: answer } = await app.as(admin).post(PATH, body).expect(403);
        expect(answer.code).toBe('forbidden');
        expect((await app.events('acme')).at(-1)).toMatchObject({
          action: 'trust.create',
          outcome: 'denied',
          actor_name: 'admin',
          resource: { project: 'web', environment: 'dev', trust: body.name, role },
        });
      },
    );

    it('an administrator deletes no trust that holds more than they do', async () => {
      const { id } = await trustIn(app, owner, 'acme/web/prod', issuer, { name: fresh() });
      await app.as(prodAdmin).delete(`${PATH}/${id}`).expect(403);
      expect((await app.events('acme')).at(-1)).toMatchObject({ action: 'trust.delete', outcome: 'denied' });
      await asOwner.delete(`${PATH}/${id}`).expect(204);
    });

    it('an administrator of one environment deletes no trust of another one, nor of the whole project', async () => {
      const prod = await trustIn(app, owner, 'acme/web/prod', issuer, { name: fresh(), role: 'viewer' });
      const whole = await trustIn(app, owner, 'acme/web', issuer, { name: fresh(), role: 'viewer' });
      await app.as(devAdmin).delete(`${PATH}/${prod.id}`).expect(404);
      await app.as(devAdmin).delete(`${PATH}/${whole.id}`).expect(403);
      await app.as(prodAdmin).delete(`${PATH}/${prod.id}`).expect(204);
    });

    it('a custom role that holds more is refused, and one that a trust gives cannot be deleted', async () => {
      const roles = [
        ['reader', '{secrets:read}'],
        ['setter', '{secrets:read,secrets:set-value}'],
      ];
      for (const [name, permissions] of roles) {
        await app.sql.query(
          `insert into roles (org_id, name, permissions, created_at)
           select org_id, $1, $2, now() from org_slugs where slug = 'acme'`,
          [name, permissions],
        );
      }
      await app
        .as(admin)
        .post(PATH, bodyOf({ role: 'setter', envName: 'dev' }))
        .expect(403);
      await app
        .as(admin)
        .post(PATH, bodyOf({ role: 'reader', envName: 'dev' }))
        .expect(201);
      await expect(app.sql.query(`delete from roles where name = 'reader'`)).rejects.toMatchObject({
        code: '23503',
      });
    });

    it('a service token that ends makes no trust, and one that does not end makes one', async () => {
      const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
      for (const [end, status] of [
        [{ expiresAt }, 403],
        [{}, 201],
      ] as const) {
        const token = { name: fresh(), role: 'admin', envName: 'dev', ...end };
        const { body } = await asOwner.post('/acme/web/tokens', token).expect(201);
        await app
          .as(body.token)
          .post(PATH, bodyOf({ envName: 'dev' }))
          .expect(status);
      }
    });
  });

  describe('GET /{o}/{p}/trusts', () => {
    it('200: the newest first, page by page', async () => {
      await app.world.environment('acme/paged/prod', owner);
      const made: string[] = [];
      for (let count = 0; count < 5; count += 1) {
        made.push((await trustIn(app, owner, 'acme/paged/prod', issuer, { name: fresh() })).name);
      }
      const found = await allPages(asOwner, '/acme/paged/trusts?limit=2');
      expect(found.map((one) => (one as { name: string }).name)).toEqual(made.reverse());
      await asOwner.get('/acme/paged/trusts?cursor=x').expect(400);
    });

    it('200: shows only those that the caller may manage', async () => {
      const dev = (await app.as(devAdmin).get(PATH).expect(200)).body as { envName: string | null }[];
      expect(new Set(dev.map(({ envName }) => envName))).toEqual(new Set(['dev']));
      const all = (await app.as(admin).get(PATH).expect(200)).body as { envName: string | null }[];
      expect(new Set(all.map(({ envName }) => envName))).toEqual(new Set(['dev', 'prod', null]));
    });
  });

  describe('DELETE /{o}/{p}/trusts/{id}', () => {
    it('204: it is gone, its tokens too, and the trail says so', async () => {
      const { id, name } = await trustIn(app, owner, 'acme/web/prod', issuer, { name: fresh() });
      const { body } = await exchange(app, `acme/web/${name}`, await issuer.token());
      await app.as(body.access_token).get('/auth/me').expect(200);
      await asOwner.delete(`${PATH}/${id}`).expect(204);
      await app.as(body.access_token).get('/auth/me').expect(401);
      await asOwner.delete(`${PATH}/${id}`).expect(404);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'trust.delete',
        outcome: 'allowed',
        resource: { project: 'web', environment: 'prod', trust: name, trustId: id },
      });
    });

    it('404: an id of another project, of nothing, and no id at all', async () => {
      const { id } = await trustIn(app, owner, 'acme/other/prod', issuer, { name: fresh() });
      for (const wrong of [id, NOWHERE, 'x', id.toUpperCase()]) {
        await asOwner.delete(`${PATH}/${wrong}`).expect(404);
      }
      await asOwner.delete(`/acme/other/trusts/${id}`).expect(204);
    });
  });
});
