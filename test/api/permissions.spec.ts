import { BUILT_IN_ROLES, PERMISSIONS } from '../../src/access/permissions.js';
import { TestApp } from '../support/app.js';
import type { Person } from '../support/world.js';

const NOTHING = { error: 'There is nothing here that you may see.', code: 'not_found' };

describe('GET /orgs/{o}/permissions', () => {
  let app: TestApp;
  let olivia: Person;
  let maria: Person;
  let mallory: Person;

  beforeAll(async () => {
    app = await TestApp.start();
    olivia = await app.world.user('olivia');
    maria = await app.world.user('maria');
    mallory = await app.world.user('mallory');
    await app.world.org('acme', olivia);
    await app.world.org('evil', mallory);
    for (const path of ['acme/web/prod', 'acme/web/dev', 'acme/api/prod'])
      await app.world.environment(path, olivia);
    await app.world.environment('evil/own/prod', mallory);
    await app.world.grant(olivia, maria, 'member', 'acme/web');
    await app.world.grant(olivia, maria, 'consumer', 'acme/web/prod');
  });

  afterAll(() => app.close());

  async function held(caller: Person | { token: string }, query = ''): Promise<Record<string, string[]>> {
    const { body } = await app.as(caller).get(`/orgs/acme/permissions${query}`).expect(200);
    return Object.fromEntries(
      body.map(({ permission, because }: { permission: string; because: string[] }) => [permission, because]),
    );
  }

  it('200: says what an owner may do everywhere, and why, in one order', async () => {
    const found = await held(olivia);
    expect(Object.keys(found)).toEqual(
      PERMISSIONS.filter((permission) => BUILT_IN_ROLES.owner.includes(permission)),
    );
    expect(new Set(Object.values(found).flat())).toEqual(new Set(['owner in acme']));
    expect(await held(olivia, '?project=web&environment=prod')).toEqual(found);
  });

  it('200: counts what is held there and above, not what is held below or beside', async () => {
    expect(await held(maria)).toEqual({});
    const member = ['member in acme/web'];
    expect(await held(maria, '?project=web')).toEqual({ 'secrets:read': member, 'secrets:write': member });
    expect(await held(maria, '?project=web&environment=dev')).toEqual({
      'secrets:read': member,
      'secrets:write': member,
    });
    expect(await held(maria, '?project=web&environment=prod')).toEqual({
      'secrets:read': [...member, 'consumer in acme/web/prod'],
      'secrets:write': member,
      'secrets:get-value': ['consumer in acme/web/prod'],
    });
  });

  it('200: agrees with what the routes allow', async () => {
    const { body } = await app
      .as(maria)
      .post('/acme/web/envs/prod/secrets', { kind: 'Secret', name: 'KEY' })
      .expect(201);
    await app.as(olivia).put(`/acme/web/envs/prod/secrets/${body.name}/value`, { value: 'v' }).expect(200);
    await app.as(maria).get('/acme/web/envs/prod/secrets/KEY/value').expect(200);
    await app.as(maria).put('/acme/web/envs/prod/secrets/KEY/value', { value: 'v' }).expect(403);
    await app.as(maria).post('/acme/web/environments', { name: 'x' }).expect(403);
  });

  it('200: tells a service token of its own role', async () => {
    const robot = await app.world.serviceToken(olivia, 'consumer', 'acme/web/prod');
    const found = await held(robot, '?project=web&environment=prod');
    expect(Object.keys(found)).toEqual(['secrets:read', 'secrets:get-value']);
    expect(await held(robot)).toEqual({});
  });

  it('200: a custom role comes to its permissions, and to nothing once it is gone', async () => {
    const paul = await app.world.user('paul');
    await app.world.role(olivia, 'acme', 'auditor', ['audit:read']);
    const id = await app.world.grant(olivia, paul, 'auditor', 'acme');
    expect(await held(paul)).toEqual({ 'audit:read': ['auditor in acme'] });
    await app.as(olivia).delete(`/orgs/acme/grants/${id}`).expect(204);
    await app.as(paul).get('/orgs/acme/permissions').expect(404);
  });

  it('200: a role that is changed comes to what it holds now', async () => {
    const rita = await app.world.user('rita');
    await app.world.role(olivia, 'acme', 'changing', ['secrets:read', 'secrets:get-value']);
    await app.world.grant(olivia, rita, 'changing', 'acme/web');
    const robot = await app.world.serviceToken(olivia, 'changing', 'acme/web');
    const because = { people: ['changing in acme/web'], tokens: ['service token changing of acme/web'] };
    for (const permissions of [
      ['secrets:read', 'secrets:get-value'],
      ['secrets:set-value', 'audit:read'],
    ]) {
      await app.as(olivia).put('/orgs/acme/roles/changing', { permissions }).expect(200);
      expect(await held(rita, '?project=web')).toEqual(
        Object.fromEntries(permissions.map((permission) => [permission, because.people])),
      );
      expect(await held(robot, '?project=web')).toEqual(
        Object.fromEntries(permissions.map((permission) => [permission, because.tokens])),
      );
    }
  });

  it('200: names every grant that a permission comes from, each with its role and its scope, in the order they were given', async () => {
    const gwen = await app.world.user('gwen');
    await app.world.role(olivia, 'acme', 'watcher', ['secrets:read', 'audit:read']);
    for (const [role, scope] of [
      ['watcher', 'acme'],
      ['member', 'acme/web'],
      ['watcher', 'acme/web/prod'],
      ['consumer', 'acme/web/prod'],
      ['viewer', 'acme/api'],
      ['viewer', 'acme/web/dev'],
    ] as const) {
      await app.world.grant(olivia, gwen, role, scope);
    }
    const everywhere = 'watcher in acme';
    expect(await held(gwen)).toEqual({ 'secrets:read': [everywhere], 'audit:read': [everywhere] });
    expect(await held(gwen, '?project=web&environment=prod')).toEqual({
      'secrets:read': [
        everywhere,
        'member in acme/web',
        'watcher in acme/web/prod',
        'consumer in acme/web/prod',
      ],
      'secrets:write': ['member in acme/web'],
      'secrets:get-value': ['consumer in acme/web/prod'],
      'audit:read': [everywhere, 'watcher in acme/web/prod'],
    });
    expect(await held(gwen, '?project=api')).toEqual({
      'secrets:read': [everywhere, 'viewer in acme/api'],
      'audit:read': [everywhere],
    });
  });

  it('200: what came by an invitation is a grant like any other', async () => {
    const ines = await app.world.user('ines');
    const { token } = await app.world.invitation(olivia, 'member', 'acme/web/prod');
    await app.as(ines).post('/auth/invitations/accept', { token }).expect(200);
    expect(await held(ines, '?project=web&environment=prod')).toEqual({
      'secrets:read': ['member in acme/web/prod'],
      'secrets:write': ['member in acme/web/prod'],
    });
  });

  it.each([
    ['environment=prod', 'environment'],
    ['project=', 'project'],
    ['project=web&environment=', 'environment'],
    ['project=web&project=api', 'project'],
    ['projects=web', 'projects'],
  ])('400: %s', async (query, field) => {
    const { body } = await app.as(olivia).get(`/orgs/acme/permissions?${query}`).expect(400);
    expect(body.details).toContainEqual({ field, error: expect.any(String) });
  });

  it('401: wants a credential', async () => {
    await app.as(null).get('/orgs/acme/permissions').expect(401);
  });

  it('404: a scope out of sight, of others, of nobody and malformed look alike', async () => {
    for (const query of [
      '?project=api',
      '?project=none',
      '?project=Web',
      '?project=own',
      '?project=web&environment=none',
      '?project=api&environment=prod',
    ]) {
      expect((await app.as(maria).get(`/orgs/acme/permissions${query}`).expect(404)).body).toEqual(NOTHING);
    }
    expect((await app.as(mallory).get('/orgs/acme/permissions').expect(404)).body).toEqual(NOTHING);
  });
});
