import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import type { Environment, Person } from '../support/world.js';

describe('GET /orgs/{o}/exposure', () => {
  let app: TestApp;
  let owner: Person;
  let asOwner: Client;
  let prod: Environment;
  let deploy: { id: string; token: string };
  let deployedAt: string;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    asOwner = app.as(owner);
    prod = await app.world.environment('acme/web/prod', owner);
    for (const name of ['A', 'B', 'UNREAD']) await prod.secret(name, `value of ${name}`);
    await app.world.environment('acme/web/dev', owner);
    deploy = await app.world.serviceToken(owner, 'consumer', 'acme/web/prod');
    const server = await app.world.serviceToken(owner, 'consumer', 'acme/web');
    await app.as(deploy).get(`${prod.path}/values?names=A,B`).expect(200);
    await app.as(deploy).get(`${prod.path}/values?names=A,B`).expect(200);
    await new Promise((resolve) => setTimeout(resolve, 5));
    deployedAt = new Date().toISOString();
    await app
      .as(server)
      .get(`${prod.secretPath('A')}/value`)
      .expect(200);
  });

  afterAll(() => app.close());

  const exposure = async (query = '') => (await asOwner.get(`/orgs/acme/exposure${query}`).expect(200)).body;
  const secrets = async (query = '') =>
    (await exposure(query)).map(({ secret }: { secret: string }) => secret);

  it('200: each present value that was read, with its readers', async () => {
    const found = await exposure();
    expect(found).toEqual([
      {
        project: 'web',
        environment: 'prod',
        secret: 'A',
        version: 1,
        readers: [
          {
            actor: expect.objectContaining({ name: 'consumer of acme/web' }),
            reads: 1,
            lastReadAt: expect.any(String),
          },
          {
            actor: { type: 'service-token', id: deploy.id, name: 'consumer of acme/web/prod' },
            reads: 2,
            lastReadAt: expect.any(String),
          },
        ],
      },
      {
        project: 'web',
        environment: 'prod',
        secret: 'B',
        version: 1,
        readers: [expect.objectContaining({ reads: 2 })],
      },
    ]);
  });

  it('200: only reads since a time, by an actor, of a secret', async () => {
    expect(await secrets(`?since=${deployedAt}`)).toEqual(['A']);
    expect(await secrets(`?actor=${deploy.id}`)).toEqual(['A', 'B']);
    expect(await secrets('?actor=consumer%20of%20acme/web')).toEqual(['A']);
    expect(await secrets('?actor=nobody')).toEqual([]);
    expect(await secrets('?secret=B')).toEqual(['B']);
  });

  it('200: a refused read and an answer of 304 expose nothing', async () => {
    const env = await app.world.environment('acme/web/quiet', owner);
    await env.secret('QUIET', 'x');
    await asOwner.get(`${env.secretPath('QUIET')}/value`).expect(403);
    const token = app.as(await app.world.serviceToken(owner, 'consumer', 'acme/web/quiet'));
    await token.get(`${env.path}/values`).set('if-none-match', '"2"').expect(304);
    expect(await secrets('?secret=QUIET')).toEqual([]);
  });

  it('200: a value that was set anew is not exposed any more, nor is a name that was declared anew', async () => {
    await asOwner.put(`${prod.secretPath('B')}/value`, { value: 'new' }).expect(200);
    expect(await secrets('?secret=B')).toEqual([]);
    await asOwner.delete(prod.secretPath('A')).expect(200);
    await prod.secret('A', 'another');
    expect(await secrets('?secret=A')).toEqual([]);
  });

  it.each(['?since=', '?since=x', '?actor=', '?secret=', '?limit=1'])('400: refuses %s', async (query) => {
    await asOwner.get(`/orgs/acme/exposure${query}`).expect(400);
  });

  it('403: without audit:read; 404: for a stranger', async () => {
    await app.as(deploy).get('/orgs/acme/exposure').expect(403);
    await app
      .as(await app.world.user('stranger'))
      .get('/orgs/acme/exposure')
      .expect(404);
  });
});
