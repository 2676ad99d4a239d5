import request from 'supertest';
import { TestApp } from '../support/app.js';
import { rawRequest } from '../support/raw-http.js';
import type { Environment, Person } from '../support/world.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('what happens to every request', () => {
  let app: TestApp;
  let owner: Person;
  let env: Environment;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    env = await app.world.environment('acme/web/prod', owner);
    await env.secret('KEY', 'value');
  });

  afterAll(() => app.close());

  const post = (path: string, type: string, body: string) =>
    app.as(owner).post(path).set('content-type', type).send(body);

  describe('answers', () => {
    it('carry a request id of our own and are for no cache', async () => {
      const { headers } = await app
        .as(owner)
        .get('/orgs')
        .set('x-request-id', 'chosen-by-client')
        .expect(200);
      expect(headers['x-request-id']).toMatch(UUID);
      expect(headers['cache-control']).toBe('no-store');
    });

    it('carry them when the request is malformed, too', async () => {
      const { headers, body } = await request(app.server).get('/%E0%A4%A').expect(400);
      expect(headers['x-request-id']).toMatch(UUID);
      expect(body).toEqual({ error: expect.any(String), code: 'invalid_request' });
    });

    it.each([
      ['a method that HTTP does not have', 'FOO /orgs HTTP/1.1\r\nHost: x\r\n\r\n', 400],
      ['bytes of another protocol', '\x16\x03\x01\x00\xa5\x01\r\n\r\n', 400],
      ['letters in a path that must be escaped', 'GET /orgs/\u00e4 HTTP/1.1\r\nHost: x\r\n\r\n', 400],
      [
        'two lengths',
        'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
        400,
      ],
      ['no host', 'GET /orgs HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
      ['headers without an end', `GET /orgs HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ])('carry them when it is no request at all, in the same form: %s', async (_, bytes, status) => {
      const [head = '', body = ''] = (await rawRequest(app.url, bytes)).split('\r\n\r\n');
      expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} `));
      expect(/^x-request-id: (.*)$/im.exec(head)?.[1]).toMatch(UUID);
      expect(head).toMatch(/^cache-control: no-store$/im);
      expect(JSON.parse(body)).toEqual({
        error: expect.any(String),
        code: status === 431 ? 'too_large' : 'invalid_request',
      });
    });

    it('do not name the software', async () => {
      const { headers } = await app.as(null).get('/healthz').expect(200);
      expect(Object.keys(headers)).not.toContain('x-powered-by');
      expect(Object.keys(headers)).not.toContain('server');
    });
  });

  describe('credentials', () => {
    it.each([
      ['none', {}],
      ['an empty one', { authorization: '' }],
      ['another scheme', { authorization: 'Basic b2xpdmlhOng=' }],
      ['no token', { authorization: 'Bearer' }],
      ['a token of two words', { authorization: 'Bearer a b' }],
      ['a random word', { authorization: 'Bearer nonsense' }],
      [
        'an opaque token with a broken checksum',
        { authorization: 'Bearer cofs_0000000000000000000000000000000000000000' },
      ],
      ['a very long one', { authorization: `Bearer ${'a'.repeat(10_000)}` }],
    ])('401: %s', async (_, headers) => {
      const answer = await request(app.server).get('/orgs').set(headers).expect(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
      expect(answer.body).toEqual({ error: expect.any(String), code: 'unauthorized' });
    });

    it('401: two different ones in one request', async () => {
      const other = await app.world.user('bob');
      await request(app.server)
        .get('/orgs')
        .set({ authorization: `Bearer ${owner.token}`, 'x-api-key': other.token })
        .expect(401);
      const twice = [
        'GET /orgs HTTP/1.1',
        'Host: x',
        `Authorization: Bearer ${owner.token}`,
        `Authorization: Bearer ${other.token}`,
        'Connection: close',
        '',
        '',
      ];
      expect(await rawRequest(app.url, twice.join('\r\n'))).toMatch(/^HTTP\/1\.1 401 /);
    });

    it('the scheme is read in any case, the token as it is', async () => {
      await request(app.server).get('/orgs').set('authorization', `bearer ${owner.token}`).expect(200);
      await request(app.server)
        .get('/orgs')
        .set('authorization', `Bearer ${owner.token.toUpperCase()}`)
        .expect(401);
    });

    it('in the URL is none', async () => {
      await request(app.server).get(`/orgs?access_token=${owner.token}`).expect(401);
    });
  });

  describe('methods', () => {
    it('405: names the methods that the path has', async () => {
      const { headers, body } = await app.as(owner).patch(`${env.path}/secrets`, {}).expect(405);
      expect(headers['allow']).toBe('GET, POST');
      expect(body.code).toBe('method_not_allowed');
      expect(
        (
          await app
            .as(owner)
            .delete(`${env.secretPath('KEY')}/value`)
            .expect(405)
        ).headers['allow'],
      ).toBe('GET, PUT');
    });

    it('405: HEAD and OPTIONS are methods that a path does not have, health excepted', async () => {
      await app.as(owner).send('head', '/orgs').expect(405);
      await app.as(owner).send('options', '/orgs').expect(405);
      await app.as(null).send('head', '/healthz').expect(200);
      await app.as(null).send('head', '/readyz').expect(200);
    });

    it('401: a missing credential is told first', async () => {
      await app.as(null).patch(`${env.path}/secrets`, {}).expect(401);
    });

    it('405: on a public path nobody needs a credential to learn it', async () => {
      expect((await app.as(null).get('/auth/login').expect(405)).headers['allow']).toBe('POST');
    });

    it.each(['PROPFIND', 'TRACE', 'QUERY', 'LOCK'])('%s is refused without an exit', async (method) => {
      const lines = [
        `${method} /orgs HTTP/1.1`,
        'Host: x',
        `Authorization: Bearer ${owner.token}`,
        'Connection: close',
        '',
        '',
      ];
      expect(await rawRequest(app.url, lines.join('\r\n'))).toMatch(/^HTTP\/1\.1 (?:400|404|405) /);
      await app.as(null).get('/healthz').expect(200);
    });
  });

  describe('paths', () => {
    it.each([
      '/orgs/',
      '//orgs',
      '/orgs//acme',
      '/./orgs',
      '/orgs/../orgs',
      '/%6frgs/acme%2fx',
      '/acme/web/envs/prod/secrets/KEY/',
      '/acme/web/envs/prod%2fsecrets',
      '/acme/web/envs/%2e%2e/secrets',
      '/acme/web/envs/prod/secrets/..%2f..%2fdev',
      '/ACME/web/environments',
      '/acme%00/web/environments',
      '/acme/web;x=1/environments',
    ])('%s leads nowhere', async (path) => {
      const lines = [
        `GET ${path} HTTP/1.1`,
        'Host: x',
        `Authorization: Bearer ${owner.token}`,
        'Connection: close',
        '',
        '',
      ];
      expect(await rawRequest(app.url, lines.join('\r\n'))).toMatch(/^HTTP\/1\.1 (?:400|404) /);
    });

    it('an absolute-form target is read as its path, or refused', async () => {
      const lines = [
        'GET http://evil.example/orgs HTTP/1.1',
        'Host: x',
        `Authorization: Bearer ${owner.token}`,
        'Connection: close',
        '',
        '',
      ];
      const answer = await rawRequest(app.url, lines.join('\r\n'));
      expect(answer).toMatch(/^HTTP\/1\.1 (?:200|400|404) /);
      expect(answer).not.toContain('evil.example');
    });
  });

  describe('bodies', () => {
    const path = '/orgs';

    it.each([
      ['broken JSON', '{"slug": "canary'],
      ['nothing but a word', 'canary'],
      ['a trailing comma', '{"slug":"canary",}'],
      ['a prototype', '{"__proto__":{"slug":"canary"}}'],
      ['a constructor inside of a field', '{"slug":{"constructor":"canary"}}'],
      ['a constructor deeper inside', '{"slug":[{"constructor":{"canary":1}}]}'],
      ['an array', '["canary"]'],
      ['a text', '"canary"'],
      ['null', 'null'],
      ['a million brackets', '['.repeat(500_000) + ']'.repeat(500_000)],
      ['deep objects', '{"slug":'.repeat(5_000) + '1' + '}'.repeat(5_000)],
    ])('400: %s, and nothing of it comes back', async (_, body) => {
      const answer = await post(path, 'application/json', body).expect(400);
      expect(answer.body.code).toBe('invalid_request');
      expect(answer.text).not.toContain('canary');
      expect(answer.text).not.toMatch(/JSON at position|Unexpected token/);
    });

    it.each([
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/jsonx',
    ])('415: %s', async (type) => {
      const { body } = await post(path, type, 'slug=acme2').expect(415);
      expect(body.code).toBe('unsupported_media_type');
    });

    it.each([
      { 'content-type': 'application/json; charset=utf-16' },
      { 'content-type': 'application/json; charset="latin1"' },
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    ])('415: %j', async (headers) => {
      const { body } = await app.as(owner).post(path).set(headers).send('{"slug":"acme3"}').expect(415);
      expect(body.code).toBe('unsupported_media_type');
    });

    it.each([
      { 'content-type': 'application/json; charset=UTF-8' },
      { 'content-type': 'application/json;charset="utf-8"', 'content-encoding': 'identity' },
      { 'content-type': 'application/json; charset=us-ascii' },
    ])('%j is what is read', async (headers) => {
      const { body } = await app.as(owner).post(path).set(headers).send('{"slug":"A"}').expect(400);
      expect(body.details[0].field).toBe('slug');
    });

    it('400: bytes that are not UTF-8', async () => {
      const body = Buffer.from([0x7b, 0x22, 0x73, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
      const headers = { authorization: `Bearer ${owner.token}`, 'content-type': 'application/json' };
      const answer = await fetch(`${app.url}${path}`, { method: 'POST', headers, body });
      expect([answer.status, await answer.json()]).toEqual([
        400,
        { error: expect.stringContaining('UTF-8'), code: 'invalid_request' },
      ]);
    });

    it('413: more than 1 MiB', async () => {
      const { body } = await post(path, 'application/json', `{"slug":"${'x'.repeat(1024 * 1024)}"}`).expect(
        413,
      );
      expect(body.code).toBe('too_large');
    });

    it('401 and 403 are told before anything about the body', async () => {
      const broken = '{"value": "canary';
      await request(app.server)
        .put(`${env.secretPath('KEY')}/value`)
        .set('content-type', 'application/json')
        .send(broken)
        .expect(401);
      const reader = app.as(await app.world.serviceToken(owner, 'consumer', 'acme/web/prod'));
      await reader
        .put(`${env.secretPath('KEY')}/value`)
        .set('content-type', 'application/json')
        .send(broken)
        .expect(403);
      await reader
        .put(`${env.secretPath('KEY')}/value`)
        .set('content-type', 'text/plain')
        .send(broken)
        .expect(403);
    });

    it.each(['', 'json', 'application/json, text/plain', 'text/'])(
      '415, and 401 first: what is no type at all, %j',
      async (type) => {
        const send = (headers: object): Promise<Response> =>
          fetch(`${app.url}/orgs`, {
            method: 'POST',
            headers: { 'content-type': type, ...headers },
            body: '{"slug":"typed"}',
          });
        expect((await send({})).status).toBe(401);
        expect((await send({ authorization: `Bearer ${owner.token}` })).status).toBe(415);
      },
    );

    it('a type without a body is no body', async () => {
      const { token } = await app.world.user('leaving');
      await app
        .as(token)
        .post('/auth/logout')
        .set({ 'content-type': 'application/x-www-form-urlencoded', 'content-length': '0' })
        .expect(204);
    });

    it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'prototype'])(
      '400: a field that every object has is not a field of a request: %s',
      async (name) => {
        const { body } = await app
          .as(owner)
          .post(path, { slug: 'inherited', [name]: {} })
          .expect(400);
        expect(body.details).toEqual([{ field: name, error: 'is not a field of this request' }]);
        const query = await app.as(owner).get(`${path}?limit=1&${name}=1`).expect(400);
        expect(query.body.details).toEqual([{ field: name, error: 'is not a field of this request' }]);
      },
    );

    it('400: a parameter named like the prototype of an object', async () => {
      await app.as(owner).get(`${path}?limit=1&__proto__=1`).expect(400);
    });

    it('400: a field where a route takes none', async () => {
      const { body } = await app.as(owner).delete(env.secretPath('KEY'), { force: true }).expect(400);
      expect(body.details).toEqual([{ field: 'force', error: expect.any(String) }]);
    });

    it('400: a parameter where a route takes none', async () => {
      const { body } = await app
        .as(owner)
        .get(`${env.secretPath('KEY')}?verbose=1`)
        .expect(400);
      expect(body.details).toEqual([{ field: 'verbose', error: expect.any(String) }]);
    });

    it('an aborted request leaves the service alive', async () => {
      const lines = [
        'POST /orgs HTTP/1.1',
        'Host: x',
        `Authorization: Bearer ${owner.token}`,
        'Content-Type: application/json',
        'Content-Length: 100',
        '',
        '{"sl',
      ];
      await rawRequest(app.url, lines.join('\r\n'), 200);
      await app.as(null).get('/healthz').expect(200);
    });
  });

  it('404: a path that nothing has', async () => {
    const { body } = await app.as(null).get('/no/such/path/at/all').expect(404);
    expect(body).toEqual({ error: expect.any(String), code: 'not_found' });
  });

  it('health and readiness need no credential', async () => {
    expect((await app.as(null).get('/healthz').expect(200)).body).toEqual({ status: 'ok' });
    expect((await app.as(null).get('/readyz').expect(200)).body).toEqual({ status: 'ok' });
  });
});
