import { PERMISSIONS } from '../../src/access/permissions.js';
import { TestApp } from '../support/app.js';
import { allPages } from '../support/pages.js';
import type { Person } from '../support/world.js';

const NOTHING = { error: 'There is nothing here that you may see.', code: 'not_found' };
const ROLES = '/orgs/acme/roles';

describe('custom roles', () => {
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
    const environment = await app.world.environment('acme/web/prod', olivia);
    await environment.secret('KEY', 'value');
    await app.world.grant(olivia, adam, 'admin', 'acme');
    await app.world.grant(olivia, vera, 'viewer', 'acme/web/prod');
    await app.world.role(mallory, 'evil', 'theirs', ['secrets:read']);
  });

  afterAll(() => app.close());

  let made = 0;
  function fresh(): string {
    made += 1;
    return `role-${String(made)}`;
  }

  describe('POST /orgs/{o}/roles', () => {
    it('201: makes a role out of permissions, in their order, on record', async () => {
      const role = { name: 'setter', permissions: ['secrets:set-value', 'secrets:read'] };
      const { body } = await app.as(olivia).post(ROLES, role).expect(201);
      expect(body).toEqual(role);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'role.create',
        outcome: 'allowed',
        actor_name: 'olivia',
        resource: { role: 'setter', permissions: role.permissions },
      });
    });

    it('201: any permission can be in a role, all of them too', async () => {
      await app.as(olivia).post(ROLES, { name: 'everything', permissions: PERMISSIONS }).expect(201);
      for (const permission of PERMISSIONS) {
        await app
          .as(olivia)
          .post(ROLES, { name: fresh(), permissions: [permission] })
          .expect(201);
      }
    });

    it('201: the name of another organisation’s role is free here', async () => {
      await app
        .as(olivia)
        .post(ROLES, { name: 'theirs', permissions: ['audit:read'] })
        .expect(201);
      const { body } = await app.as(mallory).get('/orgs/evil/roles').expect(200);
      expect(body).toEqual([{ name: 'theirs', permissions: ['secrets:read'] }]);
    });

    it('is given, to people and to tokens, and allows exactly what it holds', async () => {
      const paula = await app.world.user('paula');
      await app.world.role(olivia, 'acme', 'writer', ['secrets:write', 'secrets:set-value']);
      await app.world.grant(olivia, paula, 'writer', 'acme/web/prod');
      const token = await app.world.serviceToken(olivia, 'writer', 'acme/web/prod');
      for (const caller of [paula, token]) {
        const client = app.as(caller);
        await client.put('/acme/web/envs/prod/secrets/KEY/value', { value: 'another' }).expect(200);
        const { body } = await client.get('/acme/web/envs/prod/secrets').expect(403);
        expect(body.details).toEqual([{ permission: 'secrets:read' }]);
        await client.get('/acme/web/envs/prod/values').expect(403);
        await client.post('/acme/web/environments', { name: 'x' }).expect(403);
      }
    });

    it.each([
      ['name', undefined],
      ['name', null],
      ['name', ''],
      ['name', 'Setter'],
      ['name', 'a--b'],
      ['name', '-a'],
      ['name', 'a '],
      ['name', 'ｓetter'],
      ['name', '__proto__'],
      ['name', 'x'.repeat(32)],
      ['name', ['setter']],
      ['name', 'viewer'],
      ['name', 'member'],
      ['name', 'admin'],
      ['name', 'owner'],
      ['name', 'consumer'],
      ['permissions', undefined],
      ['permissions', null],
      ['permissions', ''],
      ['permissions', []],
      ['permissions', {}],
      ['permissions', 'secrets:read'],
      ['permissions', { 0: 'secrets:read', length: 1 }],
      ['permissions', [null]],
      ['permissions', ['']],
      ['permissions', ['*']],
      ['permissions', ['secrets:*']],
      ['permissions', ['secrets:Read']],
      ['permissions', ['secrets:read ']],
      ['permissions', ['owner']],
      ['permissions', ['toString']],
      ['permissions', [['secrets:read']]],
      ['permissions', ['secrets:read', 'secrets:read']],
      ['permissions', ['secrets:read', 'nothing']],
      ['builtIn', true],
    ])('400: %s may not be %j', async (field, value) => {
      const before = await app.sql.query('select from roles');
      const role = { name: 'refused', permissions: ['secrets:read'], [field]: value };
      const { body } = await app.as(olivia).post(ROLES, role).expect(400);
      expect(body.code).toBe('invalid_request');
      expect(body.details).toEqual([{ field, error: expect.any(String) }]);
      expect((await app.sql.query('select from roles')).rows).toHaveLength(before.rows.length);
    });

    it('400: a name of 10,000 characters is none, and is not echoed', async () => {
      const name = 'x'.repeat(10_000);
      const { text } = await app
        .as(olivia)
        .post(ROLES, { name, permissions: ['secrets:read'] })
        .expect(400);
      expect(text.length).toBeLessThan(500);
    });

    it('400: tells all problems at once', async () => {
      const { body } = await app.as(olivia).post(ROLES, { extra: 1 }).expect(400);
      expect(body.details.map(({ field }: { field: string }) => field).sort()).toEqual([
        'extra',
        'name',
        'permissions',
      ]);
    });

    it('401, 403, 404: for nobody, for who does not manage the organisation, for strangers, whatever the body', async () => {
      await app.as(null).post(ROLES, {}).expect(401);
      for (const caller of [adam, vera]) {
        const { body } = await app.as(caller).post(ROLES, {}).expect(403);
        expect(body.details).toEqual([{ permission: 'org:manage' }]);
      }
      expect((await app.as(mallory).post(ROLES, {}).expect(404)).body).toEqual(NOTHING);
    });

    it('409: a name is taken once, also by many at the same time', async () => {
      const role = { name: fresh(), permissions: ['secrets:read'] };
      const answers = await Promise.all(Array.from({ length: 10 }, () => app.as(olivia).post(ROLES, role)));
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      const refused = answers.filter(({ status }) => status === 409);
      expect(refused).toHaveLength(9);
      expect(refused[0]?.body.code).toBe('already_exists');
    });
  });

  describe('GET /orgs/{o}/roles', () => {
    it('200: lists the organisation’s own roles by name, to whoever sees the organisation', async () => {
      const { body } = await app.as(vera).get(ROLES).expect(200);
      const names = body.map(({ name }: { name: string }) => name);
      expect(names).toEqual([...names].sort());
      expect(body).toContainEqual({ name: 'setter', permissions: ['secrets:set-value', 'secrets:read'] });
      expect(names).not.toContain('viewer');
    });

    it('200: comes in pages that together are the whole', async () => {
      const { body } = await app.as(olivia).get(ROLES).expect(200);
      expect(body.length).toBeGreaterThan(3);
      expect(await allPages(app.as(olivia), `${ROLES}?limit=2`)).toEqual(body);
    });

    it('401 and 404: for nobody, for strangers', async () => {
      await app.as(null).get(ROLES).expect(401);
      expect((await app.as(mallory).get(ROLES).expect(404)).body).toEqual(NOTHING);
    });
  });

  describe('GET /orgs/{o}/roles/{role}', () => {
    it('200: shows one', async () => {
      const { body } = await app.as(vera).get(`${ROLES}/setter`).expect(200);
      expect(body).toEqual({ name: 'setter', permissions: ['secrets:set-value', 'secrets:read'] });
    });

    it.each(['nothing', 'owner', 'Setter', '%00', '__proto__', 'x'.repeat(32)])(
      '404: %s is none of them',
      async (name) => {
        expect((await app.as(olivia).get(`${ROLES}/${name}`).expect(404)).body).toEqual(NOTHING);
      },
    );
  });

  describe('PUT /orgs/{o}/roles/{role}', () => {
    it('200: replaces the permissions for all who have it, with the next request, on record', async () => {
      const name = fresh();
      const ruth = await app.world.user('ruth');
      await app.world.role(olivia, 'acme', name, ['secrets:read']);
      await app.world.grant(olivia, ruth, name, 'acme/web');
      const token = await app.world.serviceToken(olivia, name, 'acme/web/prod');
      const secret = '/acme/web/envs/prod/secrets/KEY';
      for (const caller of [ruth, token]) {
        await app.as(caller).get(secret).expect(200);
        await app.as(caller).put(`${secret}/value`, { value: 'v' }).expect(403);
      }
      const { body } = await app
        .as(olivia)
        .put(`${ROLES}/${name}`, { permissions: ['secrets:set-value'] })
        .expect(200);
      expect(body).toEqual({ name, permissions: ['secrets:set-value'] });
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'role.update',
        outcome: 'allowed',
        resource: { role: name, permissions: ['secrets:set-value'], before: ['secrets:read'] },
      });
      for (const caller of [ruth, token]) {
        await app.as(caller).get(secret).expect(403);
        await app.as(caller).put(`${secret}/value`, { value: 'v' }).expect(200);
      }
      expect((await app.as(olivia).get(`${ROLES}/${name}`).expect(200)).body).toEqual(body);
    });

    it('200: takes the name along when it is the same', async () => {
      const name = fresh();
      await app.world.role(olivia, 'acme', name, ['secrets:read']);
      await app
        .as(olivia)
        .put(`${ROLES}/${name}`, { name, permissions: ['audit:read'] })
        .expect(200);
    });

    it.each([
      ['permissions', undefined],
      ['permissions', null],
      ['permissions', []],
      ['permissions', ''],
      ['permissions', ['*']],
      ['permissions', ['audit:read', 'audit:read']],
      ['name', null],
      ['name', 'another'],
      ['name', 'owner'],
      ['id', 'x'],
    ])('400: %s may not be %j, and nothing changes', async (field, value) => {
      const body = { permissions: ['audit:read'], [field]: value };
      const answer = await app.as(olivia).put(`${ROLES}/setter`, body).expect(400);
      expect(answer.body.details).toEqual([{ field, error: expect.any(String) }]);
      const { body: role } = await app.as(olivia).get(`${ROLES}/setter`).expect(200);
      expect(role.permissions).toEqual(['secrets:set-value', 'secrets:read']);
    });

    it('403 before the body and before whether there is such a role', async () => {
      for (const name of ['setter', 'nothing', 'owner']) {
        const { body } = await app.as(adam).put(`${ROLES}/${name}`, { nonsense: 1 }).expect(403);
        expect(body.details).toEqual([{ permission: 'org:manage' }]);
      }
    });

    it('404: one that there is not, a built-in one and one of others', async () => {
      for (const path of [`${ROLES}/nothing`, `${ROLES}/viewer`, '/orgs/evil/roles/theirs']) {
        const { body } = await app
          .as(olivia)
          .put(path, { permissions: ['secrets:read'] })
          .expect(404);
        expect(body).toEqual(NOTHING);
      }
    });
  });

  describe('DELETE /orgs/{o}/roles/{role}', () => {
    it('204: deletes one that nobody has, on record', async () => {
      const name = fresh();
      await app.world.role(olivia, 'acme', name, ['audit:read']);
      await app.as(olivia).delete(`${ROLES}/${name}`).expect(204);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'role.delete',
        outcome: 'allowed',
        resource: { role: name, permissions: ['audit:read'] },
      });
      await app.as(olivia).get(`${ROLES}/${name}`).expect(404);
      await app.as(olivia).delete(`${ROLES}/${name}`).expect(404);
    });

    it.each(['a grant', 'a service token', 'a trust', 'an open invitation'])(
      '409: one that %s has stays, until that is gone',
      async (kind) => {
        const name = fresh();
        await app.world.role(olivia, 'acme', name, ['secrets:read']);
        const path = await given(kind, name);
        const { body } = await app.as(olivia).delete(`${ROLES}/${name}`).expect(409);
        expect(body.code).toBe('conflict');
        await app.as(olivia).get(`${ROLES}/${name}`).expect(200);
        await app.as(olivia).delete(path).expect(204);
        await app.as(olivia).delete(`${ROLES}/${name}`).expect(204);
      },
    );

    it('204: an invitation that has expired is in nobody’s way', async () => {
      const name = fresh();
      await app.world.role(olivia, 'acme', name, ['secrets:read']);
      const { id } = await app.world.invitation(olivia, name, 'acme/web');
      await app.sql.query('update invitations set expires_at = now() where id = $1', [id]);
      await app.as(olivia).delete(`${ROLES}/${name}`).expect(204);
    });

    it('is refused, or the grant is, when both come at the same time', async () => {
      for (let round = 0; round < 5; round += 1) {
        const name = fresh();
        await app.world.role(olivia, 'acme', name, ['secrets:read']);
        const [removal, grant] = await Promise.all([
          app.as(olivia).delete(`${ROLES}/${name}`),
          app.as(olivia).post('/orgs/acme/grants', { user: 'vera', role: name }),
        ]);
        expect([
          [204, 400],
          [409, 201],
        ]).toContainEqual([removal.status, grant.status]);
      }
    });

    it('404: one that there is not, a built-in one and one of others', async () => {
      for (const path of [
        `${ROLES}/nothing`,
        `${ROLES}/viewer`,
        '/orgs/evil/roles/theirs',
        `${ROLES}/%2e%2e`,
      ]) {
        expect((await app.as(olivia).delete(path).expect(404)).body).toEqual(NOTHING);
      }
    });

    /** Gives the role in one of the ways there are, and says where it can be taken away. */
    async function given(kind: string, role: string): Promise<string> {
      if (kind === 'a grant') return `/orgs/acme/grants/${await app.world.grant(olivia, vera, role, 'acme')}`;
      if (kind === 'a service token') {
        return `/acme/web/tokens/${(await app.world.serviceToken(olivia, role, 'acme/web')).id}`;
      }
      if (kind === 'an open invitation') {
        return `/orgs/acme/invitations/${(await app.world.invitation(olivia, role, 'acme')).id}`;
      }
      const { body } = await app
        .as(olivia)
        .post('/acme/web/trusts', {
          name: role,
          issuer: 'https://issuer.example.com',
          audience: 'coffer',
          claims: { sub: 'build' },
          role,
          ttlSeconds: 600,
        })
        .expect(201);
      return `/acme/web/trusts/${body.id}`;
    }
  });
});
