import request from 'supertest';
import { ACCESS_TOKEN, exchange, JWT, lastExchange, TOKEN_EXCHANGE, trustIn } from '../support/exchange.js';
import { GITHUB_CLAIMS, GITLAB_CLAIMS, Issuer } from '../support/issuer.js';
import { TestApp } from '../support/app.js';
import { besides } from '../support/trail.js';
import type { Person } from '../support/world.js';

const PATH = '/auth/federation/token';

describe('POST /auth/federation/token', () => {
  let app: TestApp;
  let issuer: Issuer;
  let owner: Person;

  beforeAll(async () => {
    app = await TestApp.start({ config: { allowPrivateIssuers: true } });
    issuer = await Issuer.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    await (await app.world.environment('acme/web/prod', owner)).secret('KEY', 'the value');
    await app.world.environment('acme/web/dev', owner);
    await trustIn(app, owner, 'acme/web/prod', issuer);
  });

  afterAll(async () => {
    await app.close();
    await issuer.stop();
  });

  const values = (token: string, envName = 'prod') => app.as(token).get(`/acme/web/envs/${envName}/values`);

  describe('200', () => {
    it('gives a short-lived token in the form of RFC 8693', async () => {
      const answer = await exchange(app, 'acme/web/ci', await issuer.token());
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({
        access_token: expect.stringMatching(/^cofs_[0-9A-Za-z]+$/),
        issued_token_type: ACCESS_TOKEN,
        token_type: 'Bearer',
        expires_in: 300,
      });
      expect(answer.headers['cache-control']).toBe('no-store');
    });

    it('takes JSON as well as a form', async () => {
      const body = {
        grant_type: TOKEN_EXCHANGE,
        subject_token: await issuer.token(),
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
        audience: 'acme/web/ci',
        requested_token_type: ACCESS_TOKEN,
      };
      await app.as(null).post(PATH, body).expect(200);
    });

    it('gives a token that may what the trust says, there and nowhere else', async () => {
      const { body } = await exchange(app, 'acme/web/ci', await issuer.token());
      const token: string = body.access_token;
      expect((await values(token).expect(200)).body.values).toEqual({ KEY: 'the value' });
      await values(token, 'dev').expect(404);
      await app.as(token).put('/acme/web/envs/prod/secrets/KEY/value', { value: 'x' }).expect(403);
      await app.as(token).get('/auth/tokens').expect(403);
      const me = await app.as(token).get('/auth/me').expect(200);
      expect(me.body).toEqual({ token: { name: 'ci', role: 'consumer', scope: 'acme/web/prod' } });
    });

    it('puts the exchange and every later act under the name of the trust', async () => {
      const trust = (await app.as(owner).get('/acme/web/trusts').expect(200)).body[0];
      const answer = await exchange(app, 'acme/web/ci', await issuer.token());
      await values(answer.body.access_token).expect(200);
      const events = (await app.events('acme')).slice(-2);
      expect(events).toMatchObject([
        {
          action: 'trust.exchange',
          outcome: 'allowed',
          actor_type: 'service-token',
          actor_name: 'ci',
          resource: { project: 'web', environment: 'prod', trust: 'ci', subject: 'a-workload' },
          request_id: answer.headers['x-request-id'],
        },
        { action: 'values.get', outcome: 'allowed', actor_type: 'service-token', actor_name: 'ci' },
      ]);
      const { body } = await app.as(owner).get(`/orgs/acme/audit?actor=${trust.id}&limit=2`).expect(200);
      expect(body.map(({ action }: { action: string }) => action)).toEqual(['values.get', 'trust.exchange']);
    });

    it('keeps only the hash of the token, and leaves no subject token anywhere', async () => {
      const subject = await issuer.token();
      const { body } = await exchange(app, 'acme/web/ci', subject);
      const { rows } = await app.sql.query<{ line: string }>(
        `select t::text as line from federated_tokens t union all select e::text from org_events e`,
      );
      const kept = [...rows.map(({ line }) => line), ...app.log].join('\n');
      const secrets = [body.access_token as string, subject, subject.split('.')[2] ?? ''];
      expect(secrets.filter((secret) => kept.includes(secret))).toEqual([]);
    });

    it('accepts a token of GitHub Actions by claims of which each stands on its own', async () => {
      const github = await Issuer.start({ path: '/_services/token' });
      const claims = {
        repository_id: '74',
        environment: ['prod', 'staging'],
        job_workflow_ref: GITHUB_CLAIMS.job_workflow_ref,
      };
      await trustIn(app, owner, 'acme/web/prod', github, { name: 'github', claims });
      const good = await exchange(app, 'acme/web/github', await github.token(GITHUB_CLAIMS));
      expect(good.status).toBe(200);
      const forked = await github.token({ ...GITHUB_CLAIMS, repository_id: '75' });
      expect((await exchange(app, 'acme/web/github', forked)).status).toBe(400);
      expect((await lastExchange(app)).resource).toMatchObject({
        mismatches: [{ claim: 'repository_id', expected: '74', actual: '75' }],
        subject: GITHUB_CLAIMS.sub,
      });
      await github.stop();
    });

    it('accepts a token of GitLab CI, whose runner_id is a number', async () => {
      const gitlab = await Issuer.start();
      const claims = { project_id: '20', ref_protected: 'true', runner_id: '1' };
      await trustIn(app, owner, 'acme/web/prod', gitlab, { name: 'gitlab', claims });
      const good = await exchange(app, 'acme/web/gitlab', await gitlab.token(GITLAB_CLAIMS));
      expect(good.status).toBe(200);
      const unprotected = await gitlab.token({ ...GITLAB_CLAIMS, ref: 'feature', ref_protected: 'false' });
      expect((await exchange(app, 'acme/web/gitlab', unprotected)).status).toBe(400);
      await gitlab.stop();
    });

    it.each(['ES256', 'EdDSA', 'PS256', 'RS512', 'ES384'])('verifies %s', async (alg) => {
      const other = await Issuer.start({ alg });
      await trustIn(app, owner, 'acme/web/prod', other, { name: `ci-${alg}` });
      expect((await exchange(app, `acme/web/ci-${alg}`, await other.token())).status).toBe(200);
      await other.stop();
    });

    it('accepts a token for several audiences, and one of a clock that is 90 seconds ahead or behind', async () => {
      const now = Math.floor(Date.now() / 1_000);
      const tokens = [
        { aud: ['another', 'coffer'] },
        { iat: now + 90, nbf: now + 90, exp: now + 390 },
        { iat: now - 90, nbf: now - 90, exp: now + 210 },
        { nbf: undefined },
      ];
      for (const claims of tokens) {
        expect((await exchange(app, 'acme/web/ci', await issuer.token(claims))).status).toBe(200);
      }
    });

    it('tells the trust when it was used last', async () => {
      await trustIn(app, owner, 'acme/web/prod', issuer, { name: 'used' });
      await exchange(app, 'acme/web/used', await issuer.token());
      const { body } = await app.as(owner).get('/acme/web/trusts').expect(200);
      expect(body[0]).toMatchObject({ name: 'used', lastUsedAt: expect.stringMatching(/Z$/) });
    });
  });

  describe('the token that was given', () => {
    it('ends after the seconds of its trust, and is swept by the next exchange', async () => {
      const trust = await trustIn(app, owner, 'acme/web/prod', issuer, { name: 'short', ttlSeconds: 60 });
      const { body } = await exchange(app, 'acme/web/short', await issuer.token());
      const lives = await app.sql.query<{ seconds: number }>(
        `select extract(epoch from expires_at - created_at)::integer as seconds from federated_tokens where trust_id = $1`,
        [trust.id],
      );
      expect([body.expires_in, lives.rows]).toEqual([60, [{ seconds: 60 }]]);
      await values(body.access_token).expect(200);
      await app.sql.query('update federated_tokens set expires_at = now() where trust_id = $1', [trust.id]);
      await values(body.access_token).expect(401);
      await exchange(app, 'acme/web/short', await issuer.token());
      const left = await app.sql.query('select 1 from federated_tokens where trust_id = $1', [trust.id]);
      expect(left.rowCount).toBe(1);
    });

    it('is refused on the next request after its trust is deleted, on another node too', async () => {
      const node = await TestApp.start({ ...besides(app), config: { allowPrivateIssuers: true } });
      const trust = await trustIn(app, owner, 'acme/web/prod', issuer, { name: 'doomed' });
      const { body } = await exchange(node, 'acme/web/doomed', await issuer.token());
      await node.as(body.access_token).get('/acme/web/envs/prod/values').expect(200);
      await app.as(owner).delete(`/acme/web/trusts/${trust.id}`).expect(204);
      await node.as(body.access_token).get('/acme/web/envs/prod/values').expect(401);
      await values(body.access_token).expect(401);
      expect((await exchange(app, 'acme/web/doomed', await issuer.token())).status).toBe(400);
      await node.close();
    });

    it('ends with its environment', async () => {
      await app.world.environment('acme/web/passing', owner);
      await trustIn(app, owner, 'acme/web/passing', issuer, { name: 'passing' });
      const { body } = await exchange(app, 'acme/web/passing', await issuer.token());
      await values(body.access_token, 'passing').expect(200);
      await app.as(owner).delete('/acme/web/environments/passing').expect(204);
      await values(body.access_token, 'passing').expect(401);
      await app.world.environment('acme/web/passing', owner);
      await values(body.access_token, 'passing').expect(401);
    });

    it('ends with its project, and with its organisation', async () => {
      await app.world.org('passing', owner);
      for (const [project, target] of [
        ['one', '/orgs/passing/projects/one?force=true'],
        ['two', '/orgs/passing'],
      ] as const) {
        await app.world.environment(`passing/${project}/prod`, owner);
        await trustIn(app, owner, `passing/${project}/prod`, issuer);
        const { body } = await exchange(app, `passing/${project}/ci`, await issuer.token());
        await app.as(body.access_token).get(`/passing/${project}/envs/prod/values`).expect(200);
        await app.as(owner).delete(target).expect(204);
        await app.as(body.access_token).get(`/passing/${project}/envs/prod/values`).expect(401);
      }
    });

    it('holds what its custom role holds now', async () => {
      await app.sql.query(
        `insert into roles (org_id, name, permissions, created_at)
         select org_id, 'reader', '{secrets:read,secrets:get-value}', now() from org_slugs where slug = 'acme'`,
      );
      await trustIn(app, owner, 'acme/web/prod', issuer, { name: 'custom', role: 'reader' });
      const { body } = await exchange(app, 'acme/web/custom', await issuer.token());
      await values(body.access_token).expect(200);
      await app.sql.query(`update roles set permissions = '{secrets:read}' where name = 'reader'`);
      await values(body.access_token).expect(403);
    });

    it('makes neither a token nor a trust that outlives it', async () => {
      await trustIn(app, owner, 'acme/web/dev', issuer, { name: 'admin', role: 'admin' });
      const { body } = await exchange(app, 'acme/web/admin', await issuer.token());
      const admin = app.as(body.access_token);
      await admin.post('/acme/web/tokens', { name: 'kept', role: 'viewer', envName: 'dev' }).expect(403);
      const trust = { name: 'kept', issuer: issuer.url, audience: 'coffer', claims: { sub: 'x' } };
      const lasting = { ...trust, role: 'viewer', envName: 'dev', ttlSeconds: 60 };
      await admin.post('/acme/web/trusts', lasting).expect(403);
      const expiresAt = new Date(Date.now() + 60_000).toISOString();
      const token = { name: 'short', role: 'viewer', envName: 'dev', expiresAt };
      await admin.post('/acme/web/tokens', token).expect(201);
    });
  });

  describe('400', () => {
    const refused = {
      error: 'invalid_request',
      error_description: expect.stringContaining('is not accepted for this audience'),
    };

    it('tells an anonymous caller the same for an unknown audience as for a token that does not match', async () => {
      const good = await issuer.token();
      const answers = await Promise.all([
        exchange(app, 'acme/web/ci', await issuer.token({ sub: 'another' })),
        exchange(app, 'acme/web/unknown', good),
        exchange(app, 'acme/unknown/ci', good),
        exchange(app, 'unknown/web/ci', good),
        exchange(app, 'acme', good),
        exchange(app, '///', good),
        exchange(app, 'acme/web/ci', 'no token'),
      ]);
      for (const { status, body, headers } of answers) {
        expect([status, body]).toEqual([400, refused]);
        expect(headers['content-type']).toContain('application/json');
      }
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    });

    it('lets no clock tell an unknown organisation from a trust that does not match', async () => {
      const durations = async (audience: string): Promise<number> => {
        const begun = performance.now();
        await exchange(app, audience, await issuer.token({ sub: 'another' }));
        return performance.now() - begun;
      };
      expect(await durations('unknown/web/ci')).toBeGreaterThanOrEqual(95);
      expect(await durations('acme/web/ci')).toBeGreaterThanOrEqual(95);
    });

    it('tells the trail which claim did not match, and nobody else', async () => {
      const { text } = await exchange(app, 'acme/web/ci', await issuer.token({ sub: 'somebody-else' }));
      expect(text).not.toMatch(/\bsub\b|somebody-else|a-workload/);
      expect(await lastExchange(app)).toMatchObject({
        outcome: 'denied',
        actor_type: 'anonymous',
        actor_name: null,
        resource: {
          project: 'web',
          environment: 'prod',
          trust: 'ci',
          mismatches: [{ claim: 'sub', expected: 'a-workload', actual: 'somebody-else' }],
        },
      });
    });

    it('writes nothing into the trail that an unsigned token says', async () => {
      const [header = '', , signature = ''] = (await issuer.token()).split('.');
      const claims = { iss: issuer.url, aud: 'coffer', sub: 'PLANTED', iat: 1, exp: 1 };
      const forged = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
      await exchange(app, 'acme/web/ci', forged);
      const event = await lastExchange(app);
      expect(event.resource.mismatches?.map(({ claim }) => claim)).toEqual(['exp', 'iat', 'sub']);
      expect(JSON.stringify(event)).not.toContain('PLANTED');
    });

    it('records 60 unsigned tokens a minute for a trust, so that nobody can fill the trail, and every signed one', async () => {
      await trustIn(app, owner, 'acme/web/prod', issuer, { name: 'flooded' });
      const recorded = async (): Promise<number> =>
        (await app.events('acme')).filter(({ resource }) => resource['trust'] === 'flooded').length - 1;
      const forged = (await issuer.token()).replace(/.{6}$/, 'forged');
      await Promise.all(Array.from({ length: 80 }, () => exchange(app, 'acme/web/flooded', forged)));
      expect(await recorded()).toBe(60);
      await exchange(app, 'acme/web/flooded', await issuer.token({ sub: 'another' }));
      expect(await recorded()).toBe(61);
    });

    it('keeps the trail whole when a token says numbers that no audit event can hold', async () => {
      await exchange(app, 'acme/web/ci', await issuer.token({ sub: 1.5 }));
      await exchange(app, 'acme/web/ci', await issuer.token({ sub: { deep: ['x'] } }));
      expect((await lastExchange(app)).resource.mismatches).toMatchObject([{ actual: 'not a text' }]);
    });

    it.each([
      ['no grant_type', { grant_type: undefined }, 'invalid_request'],
      ['another grant_type', { grant_type: 'client_credentials' }, 'unsupported_grant_type'],
      ['no subject_token', { subject_token: '' }, 'invalid_request'],
      ['another kind of subject', { subject_token_type: ACCESS_TOKEN }, 'invalid_request'],
      ['no audience', { audience: '' }, 'invalid_request'],
      ['a scope, which means nothing here', { scope: 'secrets:get-value' }, 'invalid_request'],
      ['an actor_token', { actor_token: 'x' }, 'invalid_request'],
      ['another kind of answer', { requested_token_type: JWT }, 'invalid_request'],
    ])('refuses %s in the form of the RFC', async (_, more, error) => {
      const { status, body } = await exchange(app, 'acme/web/ci', await issuer.token(), more);
      expect([status, Object.keys(body), body.error]).toEqual([400, ['error', 'error_description'], error]);
      expect(body.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    });

    it.each([
      ['broken JSON', 'application/json', '{"grant_type":', 400],
      ['a JSON list', 'application/json', '[]', 400],
      ['a lone surrogate', 'application/json', '{"audience": "\\ud800"}', 400],
      ['a form that names a field twice', 'application/x-www-form-urlencoded', 'audience=a&audience=b', 400],
      ['a form with a broken escape', 'application/x-www-form-urlencoded', 'audience=%e2%28%a1', 400],
      ['a form with a prototype', 'application/x-www-form-urlencoded', '__proto__=x', 400],
      ['a form of a thousand fields', 'application/x-www-form-urlencoded', 'a&'.repeat(1_000), 400],
      ['no body', 'application/x-www-form-urlencoded', '', 400],
      ['a text', 'text/plain', 'audience=a', 415],
      ['more than a megabyte', 'application/x-www-form-urlencoded', `audience=${'a'.repeat(1 << 21)}`, 413],
    ])('refuses %s in the form of the RFC, and echoes nothing', async (_, type, body, status) => {
      const answer = await request(app.server).post(PATH).set('content-type', type).send(body);
      expect([answer.status, Object.keys(answer.body as object)]).toEqual([
        status,
        ['error', 'error_description'],
      ]);
      expect(answer.text.length).toBeLessThan(1_200);
    });

    it('takes a form here only', async () => {
      const { status } = await request(app.server).post('/auth/login').type('form').send({ login: 'a' });
      expect(status).toBe(415);
    });
  });

  it('answers 405 to other methods, in the form of the RFC', async () => {
    const answer = await app.as(null).get(PATH).expect(405);
    expect(answer.headers['allow']).toBe('POST');
    expect(answer.body.error).toBe('invalid_request');
  });

  it('gives nothing when the exchange cannot be put on record', async () => {
    await app.sql.query('alter table org_events rename to hidden_events');
    const answer = await exchange(app, 'acme/web/ci', await issuer.token());
    await app.sql.query('alter table hidden_events rename to org_events');
    expect([answer.status, answer.body.error]).toEqual([503, 'temporarily_unavailable']);
    expect(answer.headers['retry-after']).toBeDefined();
  });
});
