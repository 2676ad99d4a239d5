import type { Response } from 'supertest';
import { TestApp } from '../support/app.js';
import { routesOf, type Route } from '../support/routes.js';
import { MATRIX } from './route-matrix.js';

/**
 * Every route × every caller. The routes come from the running application, the expected answers from the table next door: a new route
 * without a row fails, and so does a row without its route. No call has an effect: each carries a parameter that no route takes, which is
 * told (400) only to a caller who has come past both guards.
 */
const CALLERS = [
  'anonymous',
  'expired token',
  'revoked token',
  'stranger',
  'admin of another project',
  'admin of another environment',
  'token of another environment',
  'token of the environment',
  'admin of the environment',
  'consumer',
  'viewer',
  'member',
  'admin',
  'owner',
  'token of the owner',
] as const;

type CallerName = (typeof CALLERS)[number];

const PLACES: Readonly<Record<string, string>> = {
  o: 'acme',
  p: 'web',
  envName: 'prod',
  name: 'KEY',
  username: 'viewer',
  user: 'me',
  role: 'reader',
  id: 'c3a1f4f0-5d0e-4f4e-9a57-0d5c3c1f7b11',
};

describe('every route, for every caller', () => {
  let app: TestApp;
  let routes: Route[];
  const credentials = new Map<CallerName, string | null>();

  beforeAll(async () => {
    app = await TestApp.start();
    routes = routesOf(app.app);
    const { world } = app;
    const owner = await world.user('owner');
    await world.org('acme', owner);
    await (await world.environment('acme/web/prod', owner)).secret('KEY', 'value');
    await world.environment('acme/web/dev', owner);
    await world.environment('acme/other/default', owner);
    const stranger = await world.user('stranger');
    await world.org('elsewhere', stranger);
    credentials.set('anonymous', null).set('owner', owner.token).set('stranger', stranger.token);

    for (const role of ['viewer', 'member', 'admin', 'consumer'] as const) {
      const person = await world.user(role);
      await world.grant(owner, person, role, 'acme');
      credentials.set(role, person.token);
    }
    const admins = [
      ['admin of another project', 'acme/other'],
      ['admin of another environment', 'acme/web/dev'],
      ['admin of the environment', 'acme/web/prod'],
    ] as const;
    for (const [name, scope] of admins) {
      const person = await world.user(name.replaceAll(' ', '-'));
      await world.grant(owner, person, 'admin', scope);
      credentials.set(name, person.token);
    }
    credentials.set(
      'token of the environment',
      (await world.serviceToken(owner, 'consumer', 'acme/web/prod')).token,
    );
    credentials.set(
      'token of another environment',
      (await world.serviceToken(owner, 'consumer', 'acme/web/dev')).token,
    );

    const tokens = await Promise.all(
      ['kept', 'expired', 'revoked'].map(async (name) => {
        const { body } = await app.as(owner).post('/auth/tokens', { name }).expect(201);
        return { id: body.id as string, token: body.token as string };
      }),
    );
    const [kept, expired, revoked] = tokens;
    await app.sql.query(`update personal_tokens set expires_at = now() - interval '1 s' where id = $1`, [
      expired?.id,
    ]);
    await app
      .as(owner)
      .delete(`/auth/tokens/${revoked?.id ?? ''}`)
      .expect(204);
    credentials.set('token of the owner', kept?.token ?? '');
    credentials.set('expired token', expired?.token ?? '').set('revoked token', revoked?.token ?? '');
  });

  afterAll(() => app.close());

  it('has a row for each route of the application, and for nothing else', () => {
    expect(routes.map(nameOf).sort()).toEqual(Object.keys(MATRIX).sort());
  });

  it('answers each caller as the table says', async () => {
    const found: Record<string, string> = {};
    for (const route of routes) {
      const outcomes: string[] = [];
      for (const caller of CALLERS) outcomes.push(outcomeOf(route, await call(route, caller)));
      found[nameOf(route)] = outcomes.join('');
    }
    if (process.env['PRINT_MATRIX'] !== undefined)
      process.stdout.write(`${JSON.stringify(found, null, 1)}\n`);
    expect(found).toEqual(
      Object.fromEntries(Object.entries(MATRIX).map(([name, row]) => [name, row.replaceAll(' ', '')])),
    );
  });

  it('tells what may not be seen and what does not exist in the same bytes', async () => {
    const stranger = app.as(credentials.get('stranger') ?? null);
    const outsider = app.as(credentials.get('admin of another environment') ?? null);
    for (const route of routes.filter(({ path }) => path.includes('{o}'))) {
      const hidden = await send(stranger, route, PLACES);
      const absent = await send(stranger, route, { ...PLACES, o: 'no-such-org' });
      expect([nameOf(route), sameness(hidden)]).toEqual([nameOf(route), sameness(absent)]);
      if (!route.path.includes('{envName}')) continue;
      const hiddenEnvironment = await send(outsider, route, PLACES);
      const absentEnvironment = await send(outsider, route, { ...PLACES, envName: 'no-such-env' });
      expect([nameOf(route), sameness(hiddenEnvironment)]).toEqual([
        nameOf(route),
        sameness(absentEnvironment),
      ]);
    }
  });

  function call(route: Route, caller: CallerName): Promise<Response> {
    return send(app.as(credentials.get(caller) ?? null), route, PLACES);
  }
});

function nameOf({ method, path }: Route): string {
  return `${method} ${path}`;
}

async function send(
  client: ReturnType<TestApp['as']>,
  route: Route,
  places: Readonly<Record<string, string>>,
): Promise<Response> {
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => places[name] ?? 'nothing');
  const method = route.method.toLowerCase() as 'get' | 'post' | 'put' | 'patch' | 'delete' | 'head';
  const narrowed = route.policy.where === 'body' ? { project: 'web', environment: 'prod' } : undefined;
  const body = narrowed !== undefined && route.path.includes('{p}') ? { envName: 'prod' } : narrowed;
  const query = route.policy.where === 'query' ? 'project=web&environment=prod&' : '';
  return client.send(method, `${path}?${query}no_route_takes_this=1`, body);
}

/** A: allowed (whatever comes of it), F: 403, N: 404 of the guards, U: 401. */
function outcomeOf(route: Route, { status, body }: Response): string {
  if (status === 401) return 'U';
  if (status === 403) return 'F';
  if (status === 404 && !route.path.startsWith('/api/') && body.code === 'not_found') return 'N';
  if (status >= 500 || status === 405) throw new Error(`${nameOf(route)} answered ${String(status)}`);
  return 'A';
}

function sameness({ status, headers, text }: Response): unknown {
  const { 'x-request-id': _request, date: _date, ...rest } = headers as Record<string, string>;
  return { status, rest, text };
}
