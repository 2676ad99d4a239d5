import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { Client } from '../support/client.js';
import { federatedToken } from '../support/federated.js';
import { createDatabase, type TestDatabase } from '../support/postgres.js';
import { ServiceProcess } from '../support/service-process.js';
import { PASSWORD, World, type Person } from '../support/world.js';

type Caller = Readonly<{ token: string }>;

/** What ends on one process has ended on every other one, with the very next request: nothing is believed for longer. */
describe('what is revoked is refused on the next request, on a second process too', () => {
  let database: TestDatabase;
  let sql: pg.Client;
  let first: ServiceProcess;
  let second: ServiceProcess;
  let world: World;
  let olivia: Person;

  beforeAll(async () => {
    database = await createDatabase();
    sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
    const settings = {
      COFFER_DATABASE_URL: database.url,
      COFFER_ROOT_KEY: randomBytes(32).toString('base64'),
      COFFER_RATE_LIMIT: 'off',
      COFFER_LOG_LEVEL: 'error',
    };
    first = await ServiceProcess.start(settings);
    second = await ServiceProcess.start(settings);
    world = new World({ as });
    olivia = await world.user('olivia');
    await world.org('acme', olivia);
    await (await world.environment('acme/web/prod', olivia)).secret('KEY', 'value');
    await world.grant(olivia, olivia, 'consumer', 'acme/web/prod');
  });

  afterAll(async () => {
    await first.kill('SIGTERM');
    await second.kill('SIGTERM');
    await sql.end();
    await database.drop();
  });

  function as(caller: Caller | string | null, node = first): Client {
    const credential = typeof caller === 'object' && caller !== null ? caller.token : caller;
    return new Client(node.url, credential);
  }

  let people = 0;
  async function somebody(...grants: [role: string, scope: string][]): Promise<Person> {
    people += 1;
    const person = await world.user(`person-${String(people)}`);
    for (const [role, scope] of grants) await world.grant(olivia, person, role, scope);
    return person;
  }

  /** What both processes answer, the second one first, twice each: the first time may fill what the second time is answered from. */
  async function answers(caller: Caller, path: string): Promise<number[]> {
    const statuses: number[] = [];
    for (const node of [second, first, second, first])
      statuses.push((await as(caller, node).get(path)).status);
    return [...new Set(statuses)];
  }

  /** It works on both, something is revoked on the first, and neither goes on. */
  async function revokes(
    caller: Caller,
    path: string,
    revoke: () => PromiseLike<{ status: number }>,
    refusal: 401 | 403 | 404,
  ): Promise<void> {
    expect(await answers(caller, path)).toEqual([200]);
    expect((await revoke()).status).toBeLessThan(300);
    expect(await answers(caller, path)).toEqual([refusal]);
  }

  const SECRETS = '/acme/web/envs/prod/secrets';
  const VALUES = '/acme/web/envs/prod/values';
  const VALUE = `${SECRETS}/KEY/value`;

  it.each([SECRETS, VALUES, VALUE, '/auth/me'])('a service token, at %s', async (path) => {
    const token = await world.serviceToken(olivia, 'consumer', 'acme/web/prod');
    await revokes(token, path, () => as(olivia).delete(`/acme/web/tokens/${token.id}`), 401);
  });

  it.each([VALUES, '/orgs', '/auth/me'])('a personal access token, at %s', async (path) => {
    const { body } = await as(olivia).post('/auth/tokens', { name: 'laptop' }).expect(201);
    await revokes(body as Caller, path, () => as(olivia).delete(`/auth/tokens/${body.id}`), 401);
  });

  it('a session that its user leaves, with its refresh token', async () => {
    const nina = await somebody();
    await revokes(nina, '/orgs', () => as(nina).post('/auth/logout'), 401);
    for (const node of [second, first]) {
      await as(null, node).post('/auth/refresh', { refreshToken: nina.refreshToken }).expect(401);
    }
  });

  it('a session that its user ends from another one', async () => {
    const nina = await somebody();
    const { body } = await as(null)
      .post('/auth/login', { login: nina.username, password: PASSWORD })
      .expect(200);
    const { body: sessions } = await as(nina).get('/auth/sessions').expect(200);
    const lost = sessions.find(({ current }: { current: boolean }) => !current);
    const session = { token: body.accessToken as string };
    await revokes(session, '/orgs', () => as(nina).delete(`/auth/sessions/${lost.id}`), 401);
    expect(await answers(nina, '/orgs')).toEqual([200]);
  });

  it('all other sessions, by a change of the password', async () => {
    const nina = await somebody();
    const { body } = await as(null)
      .post('/auth/login', { login: nina.username, password: PASSWORD })
      .expect(200);
    const change = { current: PASSWORD, new: 'another horse battery staple' };
    const session = { token: body.accessToken as string };
    await revokes(session, '/orgs', () => as(nina).put('/auth/password', change), 401);
  });

  it.each([
    [SECRETS, 'viewer', 'acme'],
    [SECRETS, 'viewer', 'acme/web/prod'],
    [VALUES, 'consumer', 'acme/web'],
    [VALUE, 'consumer', 'acme/web/prod'],
  ])('a grant, at %s: %s in %s', async (path, role, scope) => {
    const nina = await somebody();
    const id = await world.grant(olivia, nina, role, scope);
    await revokes(nina, path, () => as(olivia).delete(`/orgs/acme/grants/${id}`), 404);
  });

  it('one grant of several: what the others allow goes on', async () => {
    const nina = await somebody(['viewer', 'acme']);
    const id = await world.grant(olivia, nina, 'consumer', 'acme/web/prod');
    await revokes(nina, VALUES, () => as(olivia).delete(`/orgs/acme/grants/${id}`), 403);
    expect(await answers(nina, SECRETS)).toEqual([200]);
  });

  it('a membership, by whatever credential', async () => {
    const nina = await somebody(['viewer', 'acme'], ['consumer', 'acme/web/prod']);
    const { body } = await as(nina).post('/auth/tokens', { name: 'laptop' }).expect(201);
    const remove = () => as(olivia).delete(`/orgs/acme/members/${nina.username}`);
    await revokes(nina, VALUES, remove, 404);
    expect(await answers(body as Caller, VALUES)).toEqual([404]);
    expect(await answers(nina, '/auth/me')).toEqual([200]);
  });

  it('what a custom role no longer holds, for people and for tokens', async () => {
    await world.role(olivia, 'acme', 'reader', ['secrets:read', 'secrets:get-value']);
    const nina = await somebody(['reader', 'acme/web']);
    const robot = await world.serviceToken(olivia, 'reader', 'acme/web/prod');
    const narrow = () => as(olivia).put('/orgs/acme/roles/reader', { permissions: ['secrets:read'] });
    expect(await answers(robot, VALUES)).toEqual([200]);
    await revokes(nina, VALUES, narrow, 403);
    expect(await answers(robot, VALUES)).toEqual([403]);
    expect(await answers(robot, SECRETS)).toEqual([200]);
  });

  it('a trust, with the tokens that were exchanged for its issuer’s', async () => {
    const { body: trust } = await as(olivia)
      .post('/acme/web/trusts', {
        name: 'ci',
        issuer: 'https://issuer.example.com',
        audience: 'coffer',
        claims: { sub: 'build' },
        role: 'consumer',
        envName: 'prod',
        ttlSeconds: 600,
      })
      .expect(201);
    const token = await federatedToken(sql, trust.id);
    await revokes(token, VALUES, () => as(olivia).delete(`/acme/web/trusts/${trust.id}`), 401);
  });

  it('an invitation: what is revoked on one process is not accepted on the other', async () => {
    const nina = await somebody();
    for (const [revoking, accepting] of [
      [first, second],
      [second, first],
    ] as const) {
      const { id, token } = await world.invitation(olivia, 'viewer', 'acme');
      await as(olivia, revoking).delete(`/orgs/acme/invitations/${id}`).expect(204);
      await as(nina, accepting).post('/auth/invitations/accept', { token }).expect(404);
    }
    const { token } = await world.invitation(olivia, 'viewer', 'acme');
    await as(nina, second).post('/auth/invitations/accept', { token }).expect(200);
    await as(nina, first).post('/auth/invitations/accept', { token }).expect(404);
  });

  it.each(['environment', 'project', 'organisation'])('whatever lay in a deleted %s', async (kind) => {
    const slug = `short-lived-${kind}`;
    await world.org(slug, olivia);
    await (await world.environment(`${slug}/web/prod`, olivia)).secret('KEY', 'value');
    const nina = await somebody(['consumer', `${slug}/web/prod`]);
    const robot = await world.serviceToken(olivia, 'consumer', `${slug}/web/prod`);
    const path = {
      environment: `/${slug}/web/environments/prod?force=true`,
      project: `/orgs/${slug}/projects/web?force=true`,
      organisation: `/orgs/${slug}`,
    }[kind];
    const values = `/${slug}/web/envs/prod/values`;
    expect(await answers(robot, values)).toEqual([200]);
    await revokes(nina, values, () => as(olivia).delete(path ?? ''), 404);
    expect(await answers(robot, values)).toEqual([401]);
    if (kind === 'organisation') await world.org(slug, olivia);
    if (kind !== 'environment') await as(olivia).post(`/orgs/${slug}/projects`, { slug: 'web' }).expect(201);
    await as(olivia).post(`/${slug}/web/environments`, { name: 'prod' }).expect(201);
    expect(await answers(nina, values)).toEqual([404]);
    expect(await answers(robot, values)).toEqual([401]);
  });

  it('and what is given again works again, on both', async () => {
    const nina = await somebody(['viewer', 'acme']);
    const id = await world.grant(olivia, nina, 'consumer', 'acme/web/prod');
    await revokes(nina, VALUES, () => as(olivia).delete(`/orgs/acme/grants/${id}`), 403);
    await world.grant(olivia, nina, 'consumer', 'acme/web/prod');
    expect(await answers(nina, VALUES)).toEqual([200]);
  });
});
