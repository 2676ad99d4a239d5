import { Rights } from '../../src/access/rights.js';
import { RightsWorld } from '../support/rights-world.js';
import type { Person } from '../support/world.js';

const SECRETS = '/acme/web/envs/prod/secrets';
const NOWHERE = { projectId: null, environmentId: null };

/** No list, no scope, no role and no name that is empty, null or gone is ever taken for "all of them". */
describe('empty means nothing', () => {
  let at: RightsWorld;

  beforeAll(async () => {
    at = await RightsWorld.start();
    const { olivia } = at;
    await at.app.as(olivia).post(SECRETS, { kind: 'Secret', name: 'KEY' }).expect(201);
    await at.app.as(olivia).put(`${SECRETS}/KEY/value`, { value: 'value' }).expect(200);
    await at.app.world.grant(olivia, olivia, 'consumer', 'acme');
  });

  afterAll(() => at.app.close());

  const PATHS = [
    '/orgs/acme',
    '/orgs/acme/members',
    '/acme/web/environments',
    SECRETS,
    `${SECRETS}/KEY/value`,
  ];

  async function seesNothing(caller: { token: string }, status: 401 | 404): Promise<void> {
    for (const path of PATHS) {
      const answer = await at.app.as(caller).get(path);
      expect([path, answer.status]).toEqual([path, status]);
    }
  }

  describe('permissions', () => {
    it('no holding, and a holding without a permission, allow nothing and let nothing be seen', () => {
      const empty = { permissions: new Set<never>(), at: NOWHERE, owner: false, because: 'nothing' };
      for (const rights of [new Rights([]), new Rights([empty])]) {
        expect(rights.at(NOWHERE).size).toBe(0);
        expect(rights.sees(NOWHERE)).toBe(false);
        expect(rights.holds('secrets:read', NOWHERE)).toBe(false);
        expect(rights.holdsSomewhere('secrets:read', NOWHERE)).toBe(false);
        expect(rights.lacksToGive(['secrets:read'], NOWHERE)).toEqual(['secrets:read']);
      }
    });

    it('a role with an empty list is refused, by the service and by the database', async () => {
      for (const permissions of [[], null, '', {}]) {
        await at.app.as(at.olivia).post('/orgs/acme/roles', { name: 'nothing', permissions }).expect(400);
      }
      const insert = at.app.sql.query(
        `insert into roles select org_id, 'nothing', '{}', now() from org_slugs`,
      );
      await expect(insert).rejects.toMatchObject({ code: '23514' });
    });

    it.each([
      ['an empty list', `'{}'`],
      ['a null in its list', `'{null}'`],
      ['an empty name in its list', `'{""}'`],
      ['a star in its list', `'{*}'`],
      ['permissions that are none', `'{secrets:*,all,owner,secrets}'`],
    ])('a role that has got %s allows nothing, to people and to tokens', async (_, list) => {
      const role = at.name();
      await at.app.world.role(at.olivia, 'acme', role, ['secrets:read', 'secrets:get-value']);
      const nina = await at.person([role, 'acme']);
      const robot = await at.app.world.serviceToken(at.olivia, role, 'acme/web');
      await at.app.as(nina).get(`${SECRETS}/KEY/value`).expect(200);
      await at.app.sql.query('alter table roles drop constraint if exists roles_permissions_check');
      await at.app.sql.query(`update roles set permissions = ${list} where name = $1`, [role]);
      await seesNothing(nina, 404);
      await seesNothing(robot, 404);
    });

    it('a role that is gone allows nothing, to people and to tokens', async () => {
      const role = at.name();
      await at.app.world.role(at.olivia, 'acme', role, ['secrets:read', 'secrets:get-value']);
      const nina = await at.person([role, 'acme']);
      const robot = await at.app.world.serviceToken(at.olivia, role, 'acme/web');
      const { token } = await at.app.world.invitation(at.olivia, role, 'acme');
      // The foreign keys do not let it go: here they are asleep.
      await at.app.sql.query('set session_replication_role = replica');
      await at.app.sql.query('delete from roles where name = $1', [role]);
      await at.app.sql.query('set session_replication_role = origin');
      await seesNothing(nina, 404);
      await seesNothing(robot, 404);
      const body = { user: nina.username, role };
      await at.app.as(at.olivia).post('/orgs/acme/grants', body).expect(400);
      await at.app.as(at.olivia).get('/orgs/acme/members').expect(200);
      const guest = await at.person();
      await at.app.as(guest).post('/auth/invitations/accept', { token }).expect(404);
      await seesNothing(guest, 404);
    });
  });

  describe('a scope', () => {
    const GIVING: [what: string, path: string, body: object, fields: string[]][] = [
      ['a grant', '/orgs/acme/grants', { user: 'tess', role: 'viewer' }, ['project', 'environment']],
      ['an invitation', '/orgs/acme/invitations', { role: 'viewer' }, ['project', 'environment']],
      ['a service token', '/acme/web/tokens', { name: 'x', role: 'viewer' }, ['envName']],
      [
        'a trust',
        '/acme/web/trusts',
        {
          ...{ name: 'x', issuer: 'https://issuer.example.com', audience: 'coffer', claims: { sub: 'x' } },
          ...{ role: 'viewer', ttlSeconds: 600 },
        },
        ['envName'],
      ],
    ];

    it.each(GIVING)(
      'of %s is left out or named: null, "" and the like give nothing',
      async (_, path, body, fields) => {
        const before = await at.rights();
        for (const field of fields) {
          for (const value of [null, '', ' ', [], {}, 0, false]) {
            const narrowed = field === 'environment' ? { project: 'web' } : {};
            const { status } = await at.app
              .as(at.olivia)
              .post(path, { ...body, ...narrowed, [field]: value });
            // A text of spaces is no name of anything: not found. Everything else is no text to begin with.
            expect([field, value, status]).toEqual([field, value, value === ' ' ? 404 : 400]);
            const { status: narrow } = await at.app
              .as(at.tess)
              .post(path, { ...body, ...narrowed, [field]: value });
            expect([403, 404]).toContain(narrow);
          }
        }
        expect(await at.rights()).toEqual(before);
      },
    );

    it('that is gone takes its grants, tokens and invitations along: none of them widens', async () => {
      const { olivia, app } = at;
      for (const slug of ['gone-environment', 'gone-project']) {
        await app.world.environment(`acme/${slug}/prod`, olivia);
        const scope = slug === 'gone-environment' ? `acme/${slug}/prod` : `acme/${slug}`;
        const nina = await at.person(['admin', scope]);
        const robot = await app.world.serviceToken(olivia, 'admin', scope);
        const { token } = await app.world.invitation(olivia, 'admin', scope);
        const path =
          slug === 'gone-environment' ? `/acme/${slug}/environments/prod` : `/orgs/acme/projects/${slug}`;
        await app.as(olivia).delete(`${path}?force=true`).expect(204);
        for (const seen of [`/acme/${slug}/environments`, ...PATHS]) {
          await app.as(nina).get(seen).expect(404);
          await app.as(robot).get(seen).expect(401);
        }
        await app.as(nina).post('/auth/invitations/accept', { token }).expect(404);
      }
    });
  });

  describe('a name', () => {
    it.each([
      '/orgs/acme/grants/',
      '/orgs/acme/members/',
      '/orgs/acme/invitations/',
      '/orgs/acme/roles/',
      '/acme/web/tokens/',
      '/acme/web/trusts/',
      '/acme/web/environments/',
      `${SECRETS}/`,
      '/orgs/acme/projects/',
      '/orgs/',
      '/auth/tokens/',
      '/auth/sessions/',
    ])('that is left out deletes nothing: DELETE %s', async (path) => {
      const before = await at.rights();
      for (const rest of ['', '%20', '%00', '*', '%2e', 'null', 'undefined']) {
        const { status } = await at.app.as(at.olivia).delete(path + rest);
        expect([rest, status]).toEqual([rest, expect.any(Number)]);
        expect([400, 404, 405]).toContain(status);
      }
      expect(await at.rights()).toEqual(before);
      await at.app.as(at.olivia).get(`${SECRETS}/KEY/value`).expect(200);
    });

    it('of a secret that is left out reads and copies nothing', async () => {
      await at.app.as(at.olivia).get('/acme/web/envs/prod/values?names=').expect(400);
      const promote = at.app.as(at.olivia).post('/acme/web/envs/dev/promote', { from: 'prod', names: [] });
      await promote.expect(400);
      const { body } = await at.app.as(at.olivia).get('/acme/web/envs/dev/secrets').expect(200);
      expect(body).toEqual([]);
    });
  });

  describe('a credential', () => {
    it.each([
      '',
      'Bearer',
      'Bearer ',
      'Bearer null',
      'Bearer undefined',
      'Bearer ""',
      'Bearer cofs_',
      'Basic Og==',
    ])('that says %j is nobody’s', async (header) => {
      for (const path of ['/auth/me', '/orgs', ...PATHS]) {
        await at.app.as(null).get(path).set('authorization', header).expect(401);
      }
    });

    it('of somebody without any grant opens no organisation', async () => {
      const nobody: Person = await at.person();
      await seesNothing(nobody, 404);
      expect((await at.app.as(nobody).get('/orgs').expect(200)).body).toEqual([]);
    });
  });
});
