import { TestApp } from '../support/app.js';
import { TokenWorld, TOKENS } from '../support/token-world.js';
import { besides } from '../support/trail.js';

describe('/{o}/{p}/tokens', () => {
  let at: TokenWorld;

  beforeAll(async () => {
    at = await TokenWorld.start();
  });

  afterAll(() => at.app.close());

  describe('POST', () => {
    it('201: shows the token once, with what it is', async () => {
      const { body } = await at
        .create(at.olivia, { name: 'deploy', role: 'consumer', envName: 'prod' })
        .expect(201);
      expect(body).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        name: 'deploy',
        role: 'consumer',
        envName: 'prod',
        token: expect.stringMatching(/^cofs_[0-9A-Za-z]{83}$/),
        expiresAt: null,
        lastUsedAt: null,
        createdAt: expect.stringMatching(/Z$/),
        createdBy: { type: 'user', name: 'olivia' },
      });
    });

    it('is one role in one project: there it may what the role may, elsewhere nothing', async () => {
      const viewer = await at.made(at.olivia, { role: 'viewer' });
      await at.app.as(viewer).get('/acme/web/envs/prod/secrets').expect(200);
      await at.app.as(viewer).get('/acme/web/envs/dev/secrets').expect(200);
      await at.app.as(viewer).post('/acme/web/envs/dev/secrets', { kind: 'Secret', name: 'A' }).expect(403);
      await at.app.as(viewer).get('/acme/api/envs/prod/secrets').expect(404);
      await at.app.as(viewer).get('/other/web/envs/prod/secrets').expect(404);
      const me = await at.app.as(viewer).get('/auth/me').expect(200);
      expect(me.body).toEqual({ token: { name: 'token', role: 'viewer', scope: 'acme/web' } });
    });

    it('of one environment sees its project and no other environment', async () => {
      const consumer = await at.made(at.olivia, { role: 'consumer', envName: 'prod' });
      await at.app.as(consumer).get('/acme/web/envs/prod/values').expect(200);
      await at.app.as(consumer).get('/acme/web/envs/dev/values').expect(404);
      await at.app.as(consumer).get(TOKENS).expect(403);
      await at.app.as(consumer).post('/acme/web/environments', { name: 'x' }).expect(403);
      const me = await at.app.as(consumer).get('/auth/me').expect(200);
      expect(me.body.token.scope).toBe('acme/web/prod');
    });

    it('is recorded with its scope, its role and the request, and never with itself', async () => {
      const answer = await at
        .create(at.adam, { name: 'recorded', role: 'viewer', envName: 'dev' })
        .expect(201);
      const event = (await at.app.events('acme')).at(-1);
      expect(event).toMatchObject({
        action: 'service-token.create',
        outcome: 'allowed',
        actor_name: 'adam',
        resource: {
          project: 'web',
          environment: 'dev',
          token: 'recorded',
          role: 'viewer',
          tokenId: answer.body.id,
        },
        request_id: answer.headers['x-request-id'],
      });
      expect(JSON.stringify(event)).not.toContain('cofs_');
    });

    it('is kept as a SHA-256 only', async () => {
      const { token, id } = await at.made(at.olivia, { role: 'viewer' });
      const { rows } = await at.app.sql.query(
        'select *, length(hash) as bytes from service_tokens where id = $1',
        [id],
      );
      expect(rows[0].bytes).toBe(32);
      expect(JSON.stringify(rows)).not.toContain(token.slice(49, -6));
    });

    it.each([
      ['name', ''],
      ['name', null],
      ['role', ''],
      ['role', null],
      ['role', 'superuser'],
      ['role', '__proto__'],
      ['role', ['viewer']],
      ['envName', ''],
      ['envName', null],
      ['envName', ['prod']],
      ['expiresAt', ''],
      ['expiresAt', null],
      ['expiresAt', '2020-01-01T00:00:00Z'],
      ['allowedIps', null],
      ['allowedIps', ''],
      ['allowedIps', []],
      ['allowedIps', [null]],
      ['allowedIps', ['']],
      ['allowedIps', ['everywhere']],
      ['allowedIps', '10.0.0.0/8'],
      ['allowedIps', { 0: '10.0.0.0/8' }],
      ['allowedIps', ['10.0.0.0/8', '10.0.0.1/8']],
      ['allowedIps', Array.from({ length: 101 }, () => '10.0.0.0/8')],
      ['permissions', []],
      ['project', 'web'],
    ])('400: %s may not be %j', async (field, value) => {
      const { body } = await at.create(at.olivia, { name: 'x', role: 'viewer', [field]: value }).expect(400);
      expect(body.code).toBe('invalid_request');
      expect(body.details).toEqual([{ field, error: expect.any(String) }]);
    });

    it('400: every range that is none is told', async () => {
      const allowedIps = ['203.0.113.0/24', 'zz', '1.2.3.4/8'];
      const { body } = await at.create(at.olivia, { name: 'x', role: 'viewer', allowedIps }).expect(400);
      expect(body.details).toEqual([
        { field: 'allowedIps', error: expect.stringMatching(/entry 2 .*entry 3 /) },
      ]);
    });

    it('404: an environment that is not there, or may not be seen, alike', async () => {
      const missing = await at.create(at.tess, { name: 'x', role: 'viewer', envName: 'nowhere' }).expect(404);
      const hidden = await at.create(at.tess, { name: 'x', role: 'viewer', envName: 'prod' }).expect(404);
      const malformed = await at.create(at.tess, { name: 'x', role: 'viewer', envName: 'PROD!' }).expect(404);
      const foreign = await at.create(at.stranger, { name: 'x', role: 'viewer' }).expect(404);
      expect(hidden.body).toEqual(missing.body);
      expect(malformed.body).toEqual(missing.body);
      expect(foreign.body).toEqual(missing.body);
    });

    it('403: who may not manage tokens there learns which permission is missing, before the body is looked at', async () => {
      const { body } = await at.create(at.maria, { nonsense: true }).expect(403);
      expect(body.details).toEqual([{ permission: 'tokens:manage' }]);
      await at.create(at.tess, { name: 'x', role: 'viewer' }).expect(403);
    });

    it('an administrator of one environment makes its tokens', async () => {
      const token = await at.made(at.tess, { role: 'member', envName: 'dev' });
      await at.app.as(token).get('/acme/web/envs/dev/secrets').expect(200);
    });

    it('201 with an expiry ends then', async () => {
      const token = await at.made(at.olivia, {
        role: 'viewer',
        expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
      });
      await at.app.as(token).get('/auth/me').expect(200);
      await at.app.sql.query('update service_tokens set expires_at = now() where id = $1', [token.id]);
      await at.app.as(token).get('/auth/me').expect(401);
    });
  });

  describe('GET', () => {
    it('200: only tokens of scopes in which the caller manages tokens, and never the token', async () => {
      await at.made(at.olivia, { name: 'of web', role: 'viewer' });
      await at.made(at.olivia, { name: 'of web/prod', role: 'viewer', envName: 'prod' });
      await at.made(at.olivia, { name: 'of web/dev', role: 'viewer', envName: 'dev' });
      await at.made(at.olivia, { name: 'of api', role: 'viewer' }, '/acme/api/tokens');
      const all = await at.names(at.olivia);
      expect(all.slice(0, 3)).toEqual(['of web/dev', 'of web/prod', 'of web']);
      expect(all).not.toContain('of api');
      expect(await at.names(at.adam)).toEqual(all);
      const seen = await at.names(at.tess);
      expect(seen).toContain('of web/dev');
      expect(seen).not.toContain('of web');
      expect(seen).not.toContain('of web/prod');
      const { body, text } = await at.app.as(at.olivia).get(TOKENS).expect(200);
      expect(text).not.toContain('cofs_');
      expect(Object.keys(body[0] as object).sort()).toEqual([
        'createdAt',
        'createdBy',
        'envName',
        'expiresAt',
        'id',
        'lastUsedAt',
        'name',
        'role',
      ]);
    });

    it('shows when each was used last', async () => {
      const { id, ...token } = await at.made(at.olivia, { role: 'viewer' });
      await at.app.as(token).get('/auth/me').expect(200);
      const { body } = await at.app.as(at.olivia).get(TOKENS).expect(200);
      const found = body.find((one: { id: string }) => one.id === id);
      expect(Math.abs(Date.parse(found.lastUsedAt as string) - Date.now())).toBeLessThan(60_000);
    });

    it('pages, and refuses a cursor that it did not make', async () => {
      const all = await at.names(at.olivia);
      const seen: string[] = [];
      let path: string | undefined = `${TOKENS}?limit=3`;
      while (path !== undefined) {
        const answer: { body: { name: string }[]; headers: Record<string, string> } = await at.app
          .as(at.olivia)
          .get(path)
          .expect(200);
        seen.push(...answer.body.map(({ name }) => name));
        path = /^<([^>]+)>; rel="next"$/.exec(answer.headers['link'] ?? '')?.[1];
      }
      expect(seen).toEqual(all);
      const cursor = Buffer.from(JSON.stringify(['now', 'x'])).toString('base64url');
      await at.app.as(at.olivia).get(`${TOKENS}?cursor=${cursor}`).expect(400);
    });

    it('403 and 404: a member, a stranger', async () => {
      await at.app.as(at.maria).get(TOKENS).expect(403);
      await at.app.as(at.stranger).get(TOKENS).expect(404);
      await at.app.as(null).get(TOKENS).expect(401);
    });
  });

  describe('DELETE', () => {
    it('204: stops it at the next request, on every node, and is recorded', async () => {
      const other = await TestApp.start(besides(at.app));
      const token = await at.made(at.olivia, { name: 'leaked', role: 'consumer', envName: 'prod' });
      await other.as(token).get('/acme/web/envs/prod/values').expect(200);
      await at.app.as(at.olivia).delete(`${TOKENS}/${token.id}`).expect(204);
      await at.app.as(token).get('/acme/web/envs/prod/values').expect(401);
      await other.as(token).get('/acme/web/envs/prod/values').expect(401);
      await other.close();
      expect((await at.app.events('acme')).at(-1)).toMatchObject({
        action: 'service-token.delete',
        outcome: 'allowed',
        resource: {
          project: 'web',
          environment: 'prod',
          token: 'leaked',
          role: 'consumer',
          tokenId: token.id,
        },
      });
    });

    it('404: an id of another project, of another organisation, of a hidden environment, of nobody, or no id', async () => {
      const api = await at.made(at.olivia, { role: 'viewer' }, '/acme/api/tokens');
      const foreign = await at.made(at.stranger, { role: 'viewer' }, '/other/web/tokens');
      const prod = await at.made(at.olivia, { role: 'viewer', envName: 'prod' });
      const bodies: unknown[] = [];
      for (const id of [
        foreign.id,
        prod.id,
        api.id,
        '7b1d8e60-a5d2-4c3b-98f7-0f4e2a5193c7',
        'x',
        '%00',
        prod.token,
      ]) {
        bodies.push((await at.app.as(at.tess).delete(`${TOKENS}/${id}`).expect(404)).body);
      }
      expect(bodies).toEqual(bodies.map(() => bodies[0]));
      await at.app.as(at.olivia).delete(`${TOKENS}/${api.id}`).expect(404);
      await at.app.as(at.olivia).delete(`${TOKENS}/${foreign.id}`).expect(404);
      for (const token of [api, foreign, prod]) await at.app.as(token).get('/auth/me').expect(200);
    });

    it('403: a token in a scope that is visible, where the caller may not manage tokens', async () => {
      const wide = await at.made(at.olivia, { role: 'viewer' });
      const { body } = await at.app.as(at.tess).delete(`${TOKENS}/${wide.id}`).expect(403);
      expect(body.details).toEqual([{ permission: 'tokens:manage' }]);
      await at.app.as(at.maria).delete(`${TOKENS}/${wide.id}`).expect(403);
      await at.app.as(wide).get('/auth/me').expect(200);
    });

    it('an administrator of one environment revokes its tokens', async () => {
      const token = await at.made(at.olivia, { role: 'viewer', envName: 'dev' });
      await at.app.as(at.tess).delete(`${TOKENS}/${token.id}`).expect(204);
      await at.app.as(token).get('/auth/me').expect(401);
    });

    it('a service token may revoke itself, where its role manages tokens', async () => {
      const bot = await at.made(at.olivia, { role: 'admin' });
      await at.app.as(bot).delete(`${TOKENS}/${bot.id}`).expect(204);
      await at.app.as(bot).get('/auth/me').expect(401);
    });
  });
});
