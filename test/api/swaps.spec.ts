import { randomUUID } from 'node:crypto';
import type { Response } from 'supertest';
import { TestApp } from '../support/app.js';
import { routesOf, type Route } from '../support/routes.js';
import { PASSWORD, type Person } from '../support/world.js';

type Places = Readonly<Record<string, string>>;

const TRUST = {
  name: 'another',
  issuer: 'https://issuer.example.com',
  audience: 'coffer',
  claims: { sub: 'build' },
  role: 'viewer',
  ttlSeconds: 600,
};

/** What a valid request to each route says, so that only the swapped identifier is wrong with it. */
const BODIES: Readonly<Record<string, (places: Places) => object>> = {
  'org.update': () => ({ name: 'renamed' }),
  'grant.give': () => ({ user: 'maria', role: 'admin' }),
  'invitation.create': () => ({ role: 'viewer' }),
  'role.create': () => ({ name: 'another', permissions: ['secrets:read'] }),
  'role.update': () => ({ permissions: ['secrets:read'] }),
  'project.create': () => ({ slug: 'another' }),
  'project.update': () => ({ name: 'renamed' }),
  'environment.create': () => ({ name: 'another' }),
  'service-token.create': () => ({ name: 'another', role: 'viewer' }),
  'trust.create': () => TRUST,
  'trust.simulate': () => ({ claims: { sub: 'build' } }),
  'secret.declare': () => ({ kind: 'Secret', name: 'ANOTHER' }),
  'secret.describe': ({ name }) => ({ kind: 'Secret', name }),
  'secret.value-set': () => ({ value: 'swapped' }),
  'secret.rollback': () => ({ version: 1 }),
  'values.changes': () => ({ changes: [{ op: 'declare', name: 'ANOTHER' }] }),
  'values.promote': () => ({ from: 'default' }),
  'personal-secret.create': () => ({ name: 'another', value: 'value' }),
  'personal-secret.update': () => ({ value: 'swapped' }),
  'user-secret.update': () => ({ value: 'swapped' }),
};

/** What door 1 to personal secrets says of any other user, be there one or not. */
const NOT_THE_CALLER = 400;

const QUERIES: Readonly<Record<string, string>> = { 'values.diff': '?from=prod&to=default' };

/** A valid request, each of its identifiers replaced by one that is valid somewhere else. */
describe('swaps', () => {
  let app: TestApp;
  let olivia: Person;
  let mallory: Person;
  /** Of the caller; of another organisation and another user; of another project and environment of the same organisation; of nobody. */
  let mine: Places;
  let theirs: Places;
  let beside: Places;
  let nowhere: Places;

  beforeAll(async () => {
    app = await TestApp.start();
    olivia = await app.world.user('olivia');
    mallory = await app.world.user('mallory');
    for (const name of ['maria', 'otto']) await app.world.user(name);
    const ours = await tenant(olivia, 'acme', 'web', 'prod', 'KEY', 'reader', 'maria');
    const others = await tenant(mallory, 'evil', 'shop', 'live', 'TOKEN', 'spy', 'otto');
    const { p: _, ...second } = await project(olivia, 'acme', 'api', 'test', 'OTHER');
    await app.world.grant(olivia, olivia, 'consumer', 'acme');
    mine = { ...ours, ...(await personal(olivia, 'mine')), user: 'me' };
    theirs = { ...others, ...(await personal(mallory, 'theirs')), user: 'mallory' };
    beside = { ...second, user: mallory.id };
    nowhere = {
      ...{
        o: 'nobody',
        p: 'no-project',
        envName: 'nowhere',
        name: 'NONE',
        role: 'no-role',
        username: 'no-one',
      },
      ...{ user: 'no-one', own: 'none' },
    };
  });

  afterAll(() => app.close());

  async function tenant(
    owner: Person,
    o: string,
    p: string,
    envName: string,
    name: string,
    role: string,
    username: string,
  ): Promise<Places> {
    await app.world.org(o, owner);
    const places = await project(owner, o, p, envName, name);
    await app.world.role(owner, o, role, ['secrets:read']);
    const given = await app
      .as(owner)
      .post(`/orgs/${o}/grants`, { user: username, role: 'viewer' })
      .expect(201);
    const { id } = await app.world.invitation(owner, 'viewer', o);
    return { ...places, o, role, username, grants: given.body.id, invitations: id };
  }

  async function project(
    owner: Person,
    o: string,
    p: string,
    envName: string,
    name: string,
  ): Promise<Places> {
    await (await app.world.environment(`${o}/${p}/${envName}`, owner)).secret(name, 'value');
    const { id } = await app.world.serviceToken(owner, 'viewer', `${o}/${p}`);
    const trust = await app
      .as(owner)
      .post(`/${o}/${p}/trusts`, { ...TRUST, name: 'ci' })
      .expect(201);
    return { p, envName, name, tokens: id, trusts: trust.body.id };
  }

  async function personal(user: Person, own: string): Promise<Places> {
    const token = await app.as(user).post('/auth/tokens', { name: 'laptop' }).expect(201);
    await app.as(null).post('/auth/login', { login: user.username, password: PASSWORD }).expect(200);
    const { body: sessions } = await app.as(user).get('/auth/sessions').expect(200);
    const other = sessions.find(({ current }: { current: boolean }) => !current);
    await app.as(user).post('/api/v2/users/me/secrets', { name: own, value: 'value' }).expect(201);
    const secret = await app
      .as(user)
      .post('/api/v1/user/secrets', { name: own.toUpperCase(), value: 'value' })
      .expect(201);
    return {
      own,
      'personal tokens': token.body.id,
      sessions: other.id,
      'user secrets': secret.body.id,
    };
  }

  /** What a parameter of a path stands for: `{id}` means something else below each collection. */
  function meaning({ path }: Route, parameter: string): string {
    if (parameter === 'name' && path.startsWith('/api/')) return 'own';
    if (parameter !== 'id') return parameter;
    const collection = /\/(\w+)\/\{id\}/.exec(path)?.[1] ?? '';
    if (path.startsWith('/auth/tokens')) return 'personal tokens';
    return path.startsWith('/api/') ? 'user secrets' : collection;
  }

  function send(route: Route, swapped: string, value: string): PromiseLike<Response> {
    const places: Record<string, string> = {};
    const path = route.path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => {
      places[parameter] = parameter === swapped ? value : (mine[meaning(route, parameter)] ?? '');
      return places[parameter];
    });
    const method = route.method.toLowerCase() as 'get' | 'post' | 'put' | 'patch' | 'delete';
    const { action } = route.policy;
    return app.as(olivia).send(method, path + (QUERIES[action] ?? ''), BODIES[action]?.(places));
  }

  function sameness({ status, headers, text }: Response): unknown {
    const { 'x-request-id': _request, date: _date, ...rest } = headers as Record<string, string>;
    return { status, rest, text: text.replaceAll(/"request_?id":"[^"]*"/gi, '') };
  }

  /** Everything that anybody has, as the database has it. */
  async function everything(): Promise<string> {
    const tables = [
      ...['grants', 'invitations', 'roles', 'projects', 'environments', 'secrets', 'secret_versions'],
      ...['organisations', 'personal_secrets'],
    ];
    let found = '';
    for (const table of tables) {
      const { rows } = await app.sql.query<{ row: string }>(
        `select t::text as row from ${table} t order by 1`,
      );
      found += rows.map(({ row }) => row).join('\n');
    }
    const { rows } = await app.sql.query<{ id: string }>(
      `select id from service_tokens union all select id from trusts union all select id from personal_tokens
       union all select id from sessions order by 1`,
    );
    return found + rows.map(({ id }) => id).join('\n');
  }

  it('each identifier in a path, replaced by another tenant’s, is 404 with the same body as a random one', async () => {
    const before = await everything();
    let tried = 0;
    for (const route of routesOf(app.app)) {
      for (const [, parameter = ''] of route.path.matchAll(/\{(\w+)\}/g)) {
        const kind = meaning(route, parameter);
        const others = [theirs[kind], beside[kind]].filter((value) => value !== undefined);
        const absent = await send(route, parameter, nowhere[kind] ?? randomUUID());
        for (const value of others) {
          const swapped = await send(route, parameter, value);
          const what = `${route.method} ${route.path} with another ${kind}`;
          expect([what, swapped.status]).toEqual([what, parameter === 'user' ? NOT_THE_CALLER : 404]);
          expect([what, sameness(swapped)]).toEqual([what, sameness(absent)]);
          tried += 1;
        }
      }
    }
    expect(tried).toBeGreaterThan(90);
    expect(await everything()).toBe(before);
  });

  /** Requests with an identifier outside of the path, what it stands for, and what a valid one of another tenant comes to. */
  const ELSEWHERE: [
    what: string,
    kind: string,
    status: number,
    send: (value: string) => PromiseLike<Response>,
  ][] = [
    ['the project of a grant', 'p', 404, (project) => post('/orgs/acme/grants', { ...GRANT, project })],
    [
      'the environment of a grant',
      'envName',
      404,
      (environment) => post('/orgs/acme/grants', { ...GRANT, project: 'web', environment }),
    ],
    ['the role of a grant', 'role', 400, (role) => post('/orgs/acme/grants', { ...GRANT, role })],
    [
      'the project of an invitation',
      'p',
      404,
      (project) => post('/orgs/acme/invitations', { role: 'viewer', project }),
    ],
    [
      'the environment of an invitation',
      'envName',
      404,
      (environment) => post('/orgs/acme/invitations', { role: 'viewer', project: 'web', environment }),
    ],
    ['the role of an invitation', 'role', 400, (role) => post('/orgs/acme/invitations', { role })],
    [
      'the environment of a service token',
      'envName',
      404,
      (envName) => post('/acme/web/tokens', { name: 'x', role: 'viewer', envName }),
    ],
    ['the role of a service token', 'role', 400, (role) => post('/acme/web/tokens', { name: 'x', role })],
    [
      'the environment of a trust',
      'envName',
      404,
      (envName) => post('/acme/web/trusts', { ...TRUST, envName }),
    ],
    ['the role of a trust', 'role', 400, (role) => post('/acme/web/trusts', { ...TRUST, role })],
    ['the source of a promotion', 'envName', 404, (from) => post('/acme/web/envs/prod/promote', { from })],
    ['one side of a comparison', 'envName', 404, (from) => get(`/acme/web/diff?from=${from}&to=prod`)],
    ['the other side of a comparison', 'envName', 404, (to) => get(`/acme/web/diff?from=prod&to=${to}`)],
    ['a name among those to read', 'name', 404, (name) => get(`/acme/web/envs/prod/values?names=${name}`)],
    [
      'the project of an explanation',
      'p',
      404,
      (project) => get(`/orgs/acme/permissions?project=${project}`),
    ],
    [
      'the environment of an explanation',
      'envName',
      404,
      (environment) => get(`/orgs/acme/permissions?project=web&environment=${environment}`),
    ],
    [
      'the secret of a question to the trail',
      'name',
      200,
      (secret) => get(`/orgs/acme/exposure?secret=${secret}`),
    ],
  ];

  const GRANT = { user: 'otto', role: 'viewer' };
  const post = (path: string, body: object) => app.as(olivia).post(path, body);
  const get = (path: string) => app.as(olivia).get(path);

  it.each(ELSEWHERE)(
    '%s, replaced by another tenant’s, is answered like a random one',
    async (_, kind, status, ask) => {
      const before = await everything();
      const random = await ask(nowhere[kind] ?? '');
      for (const places of [theirs, beside]) {
        const value = places[kind];
        if (value === undefined) continue;
        const swapped = await ask(value);
        expect([value, swapped.status]).toEqual([value, status]);
        expect(swapped.text.replaceAll(value, '')).toBe(random.text.replaceAll(nowhere[kind] ?? '', ''));
      }
      expect(await everything()).toBe(before);
    },
  );
});
