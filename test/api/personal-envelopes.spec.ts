import request from 'supertest';
import { ERROR_STATUS } from '../../src/access/error-status.js';
import { CofferError, type ErrorCode } from '../../src/errors/errors.js';
import { CREDENTIAL_LIMIT } from '../../src/http/rate-limit.js';
import { coderAnswer } from '../../src/personal/coder.errors.js';
import { dreadnodeAnswer } from '../../src/personal/dreadnode.errors.js';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rawRequest } from '../support/raw-http.js';
import type { Person } from '../support/world.js';

const DOOR_1 = '/api/v2/users/me/secrets';
const FIRST = '/api/v2/users/secrets';
const DOOR_2 = '/api/v1/user/secrets';
const SOME_ID = '2489e9ad-2ee2-4e00-8ec9-32d5f69181c0';

describe('the envelopes and credentials of the doors to personal secrets', () => {
  let app: TestApp;
  let person: Person;
  let me: Client;

  beforeAll(async () => {
    app = await TestApp.start();
    person = await app.world.user('olivia');
    me = app.as(person);
    await app.world.org('acme', person);
    await app.world.environment('acme/web/prod', person);
  });

  afterAll(() => app.close());

  const post = (path: string, type: string, body: string) =>
    me.post(path).set('content-type', type).send(body);
  const message = { message: expect.any(String) };
  const problem = (code: number, type: string) => ({ code, detail: expect.any(String), type });

  describe('errors', () => {
    it('401: no credential, or one that does not hold', async () => {
      for (const client of [app.as(null), app.as('nonsense')]) {
        for (const path of [DOOR_1, FIRST, `${FIRST}/a/value`]) {
          const { body, headers } = await client.get(path).expect(401);
          expect(body).toEqual(message);
          expect(headers['www-authenticate']).toBe('Bearer');
        }
        const { body, headers } = await client.get(DOOR_2).expect(401);
        expect(body).toEqual(problem(401, 'authentication_error'));
        expect(headers['www-authenticate']).toBe('Bearer');
      }
    });

    it('403: a service token', async () => {
      const token = app.as(await app.world.serviceToken(person, 'consumer', 'acme/web/prod'));
      expect((await token.get(DOOR_1).expect(403)).body).toEqual(message);
      expect((await token.get(DOOR_2).expect(403)).body).toEqual(problem(403, 'permission_error'));
      const malformed = token.post(DOOR_2).set('content-type', 'application/json').send('{"');
      await malformed.expect(403);
    });

    it.each([
      '/api/v2/users',
      '/api/v2/users/me',
      '/api/v2/users/me/keys',
      `${DOOR_1}/a/b`,
      `${DOOR_1}/a/value`,
      `${DOOR_1}/`,
    ])('404: %s, which nothing has', async (path) => {
      expect((await me.get(path).expect(404)).body).toEqual(
        (await me.get(`${DOOR_1}/absent`).expect(404)).body,
      );
    });

    it.each(['/api/v1/user', '/api/v1/user/keys', `${DOOR_2}/${SOME_ID}/value`, `${DOOR_2}/presets/openai`])(
      '404: %s, which nothing has',
      async (path) => {
        expect((await me.get(path).expect(404)).body).toEqual(problem(404, 'not_found_error'));
      },
    );

    it('404 beside the doors: the service’s own envelope', async () => {
      for (const path of [
        '/api/v2',
        '/api/v2/usersx',
        '/api/v1/users',
        '/api/v3/users/me/secrets',
        '//api/v1/user/secrets',
      ]) {
        expect((await me.get(path).expect(404)).body).toEqual({
          error: expect.any(String),
          code: 'not_found',
        });
      }
    });

    it('a path is below a door however it is written', async () => {
      expect((await me.get('/api/v2/%75sers/me/secrets/absent').expect(404)).body).toEqual(message);
      expect((await me.get('/api/%761/user/keys').expect(404)).body).toEqual(problem(404, 'not_found_error'));
      const lines = [
        `GET http://elsewhere.example${DOOR_2}/${SOME_ID} HTTP/1.1`,
        'Host: x',
        `X-API-Key: ${person.token}`,
        'Connection: close',
        '',
        '',
      ];
      const answer = await rawRequest(app.url, lines.join('\r\n'));
      expect(answer).toMatch(/^HTTP\/1\.1 404 /);
      expect(answer).toContain('"type":"not_found_error"');
    });

    it('400: a path that is not well-formed', async () => {
      expect((await me.get(`${DOOR_1}/%zz`).expect(400)).body).toEqual(message);
      expect((await me.get(`${DOOR_1}/%ED%A0%80`).expect(400)).body).toEqual(message);
      expect((await me.get(`${DOOR_2}/%ff`).expect(400)).body).toEqual(problem(400, 'invalid_request_error'));
    });

    it.each([
      ['put', `${DOOR_1}/a`, 'DELETE, GET, PATCH'],
      ['post', `${DOOR_1}/a`, 'DELETE, GET, PATCH'],
      ['delete', DOOR_1, 'GET, POST'],
      ['head', DOOR_1, 'GET, POST'],
      ['patch', `${FIRST}/a`, 'GET'],
      ['delete', `${FIRST}/a`, 'GET'],
      ['put', `${FIRST}/a/value`, 'GET'],
      ['post', `${FIRST}/secrets`, 'GET'],
    ] as const)('405 at door 1: %s %s', async (method, path, allow) => {
      const { body, headers } = await me.send(method, path).expect(405);
      expect(headers['allow']).toBe(allow);
      if (method !== 'head') expect(body).toEqual(message);
      await app.as(null).send(method, path).expect(401);
    });

    it.each([
      ['patch', `${DOOR_2}/${SOME_ID}`, 'DELETE, GET, PUT'],
      ['post', `${DOOR_2}/${SOME_ID}`, 'DELETE, GET, PUT'],
      ['put', DOOR_2, 'GET, POST'],
      ['options', DOOR_2, 'GET, POST'],
      ['post', `${DOOR_2}/presets`, 'GET'],
    ] as const)('405 at door 2: %s %s', async (method, path, allow) => {
      const { body, headers } = await me.send(method, path).expect(405);
      expect(headers['allow']).toBe(allow);
      expect(body).toEqual(problem(405, 'method_not_allowed_error'));
      await app.as(null).send(method, path).expect(401);
    });

    it.each([
      ['broken', '{"name": "canary'],
      ['no JSON', 'canary'],
      ['too deep', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
    ])('400: a body that is %s, and nothing of it comes back', async (_, body) => {
      const first = await post(DOOR_1, 'application/json', body).expect(400);
      expect(first.body).toEqual({ message: expect.stringContaining('valid JSON') });
      const second = await post(DOOR_2, 'application/json', body).expect(400);
      expect(second.body).toEqual(problem(400, 'invalid_request_error'));
      expect(first.text + second.text).not.toContain('canary');
    });

    it('ignores a field with the name of a prototype like any other that it does not know', async () => {
      const body = '{"name":"PROTO","__proto__":{"value":"canary"}}';
      const first = await post(DOOR_1, 'application/json', body).expect(400);
      expect(first.body.validations).toEqual([
        { field: 'value', detail: expect.stringContaining('required') },
      ]);
      const second = await post(DOOR_2, 'application/json', body).expect(422);
      expect(second.body.errors).toEqual([expect.objectContaining({ loc: ['body', 'value'] })]);
      await post(DOOR_1, 'application/json', body.replace('{', '{"value":"v",')).expect(201);
    });

    it('400: a body whose bytes are no UTF-8', async () => {
      const body = Buffer.from('{"name":"a","value":"\xff"}', 'latin1');
      const headers = { authorization: `Bearer ${person.token}`, 'content-type': 'application/json' };
      const first = await fetch(app.url + DOOR_1, { method: 'POST', headers, body });
      expect([first.status, await first.json()]).toEqual([
        400,
        { message: expect.stringContaining('valid JSON') },
      ]);
      const second = await fetch(app.url + DOOR_2, { method: 'POST', headers, body });
      expect([second.status, await second.json()]).toEqual([400, problem(400, 'invalid_request_error')]);
    });

    it.each([
      ['[]'],
      ['7'],
      ['"canary"'],
      ['{"name":7,"value":"v"}'],
      ['{"name":"a","value":["canary"]}'],
      [''],
    ])('400 at door 1: %j has the wrong types', async (body) => {
      const answer = await post(DOOR_1, 'application/json', body).expect(400);
      expect(answer.body).toEqual({
        message: expect.stringContaining('valid JSON'),
        detail: expect.any(String),
      });
      expect(answer.text).not.toContain('canary');
    });

    it('413: more than 1 MiB', async () => {
      const body = `{"name":"a","value":"${'x'.repeat(1024 * 1024)}"}`;
      expect((await post(DOOR_1, 'application/json', body).expect(413)).body).toEqual(message);
      expect((await post(DOOR_2, 'application/json', body).expect(413)).body).toEqual(
        problem(413, 'payload_too_large_error'),
      );
    });

    it('415: no JSON', async () => {
      expect((await post(DOOR_1, 'text/plain', 'name=a').expect(415)).body).toEqual(message);
      expect((await post(DOOR_2, 'application/x-www-form-urlencoded', 'name=a').expect(415)).body).toEqual(
        problem(415, 'unsupported_media_type_error'),
      );
    });

    it('500: the cause is in the log, and the answer tells nothing of it', async () => {
      await app.sql.query('alter table personal_secrets rename to hidden_secrets');
      try {
        const first = await me.post(DOOR_1, { name: 'a', value: 'canary' }).expect(500);
        expect(first.body).toEqual(message);
        const second = await me.get(DOOR_2).expect(500);
        expect(second.body).toEqual(problem(500, 'internal_error'));
        expect(first.text + second.text).not.toMatch(/canary|personal_secrets|relation/);
        expect(app.log.join('\n')).toContain(first.headers['x-request-id']);
        expect(app.log.join('\n')).not.toContain('canary');
      } finally {
        await app.sql.query('alter table hidden_secrets rename to personal_secrets');
      }
    });

    it('every kind of error has its place in both envelopes, with the status that it has elsewhere', () => {
      for (const [code, status] of Object.entries(ERROR_STATUS) as [ErrorCode, number][]) {
        const error = new CofferError(code, 'Said to people.', {
          details: [{ field: 'x' }],
          cause: 'never told',
        });
        expect(coderAnswer(error)).toEqual({ status, body: message });
        expect(dreadnodeAnswer(error)).toEqual({
          status,
          body: { code: status, detail: 'Said to people.', type: expect.stringMatching(/^[a-z_]+_error$/) },
        });
      }
    });

    it('429: too many requests', async () => {
      const limited = await TestApp.start({ config: { rateLimit: true } });
      try {
        const { token } = await limited.world.user('olivia');
        const { body: made } = await limited.as(token).post('/auth/tokens', { name: 'busy' }).expect(201);
        await limited.sql.query('insert into rate_limits values ($1, $2, $3)', [
          `${CREDENTIAL_LIMIT.name}:${String(made.id)}`,
          CREDENTIAL_LIMIT.points,
          Date.now() + 60_000,
        ]);
        const busy = limited.as(made.token as string);
        const first = await busy.get(DOOR_1).expect(429);
        expect(first.body).toEqual(message);
        expect(Number(first.headers['retry-after'])).toBeGreaterThan(0);
        expect((await busy.get(DOOR_2).expect(429)).body).toEqual(problem(429, 'rate_limit_error'));
      } finally {
        await limited.close();
      }
    });
  });

  describe('credentials', () => {
    const get = (path: string, headers: Record<string, string>) => request(app.server).get(path).set(headers);

    it('each door takes its own header in place of Authorization, for sessions and tokens', async () => {
      const { body: token } = await me.post('/auth/tokens', { name: 'laptop' }).expect(201);
      for (const credential of [person.token, token.token as string]) {
        await get(DOOR_1, { 'coder-session-token': credential }).expect(200);
        await get(FIRST, { 'Coder-Session-Token': credential }).expect(200);
        await get(DOOR_2, { 'x-api-key': credential }).expect(200);
        await get(DOOR_1, { authorization: `Bearer ${credential}` }).expect(200);
        await get(DOOR_2, { authorization: `Bearer ${credential}` }).expect(200);
      }
    });

    it('401: a door’s header anywhere else', async () => {
      const [first, second] = [{ 'coder-session-token': person.token }, { 'x-api-key': person.token }];
      await get(DOOR_2, first).expect(401);
      await get(DOOR_1, second).expect(401);
      for (const path of ['/orgs', '/auth/me', '/auth/audit']) {
        await get(path, first).expect(401);
        await get(path, second).expect(401);
      }
    });

    it('401: two different ones in one request, even if one of them would not do here', async () => {
      const other = await app.world.user('bob');
      const authorization = `Bearer ${person.token}`;
      await get(DOOR_1, { authorization, 'coder-session-token': other.token }).expect(401);
      await get(DOOR_2, { authorization, 'x-api-key': other.token }).expect(401);
      await get(DOOR_2, { 'x-api-key': person.token, 'coder-session-token': other.token }).expect(401);
      await get(DOOR_1, { authorization, 'coder-session-token': person.token }).expect(200);
    });

    it.each(['', 'Bearer', 'nonsense', 'a b', 'x'.repeat(10_000)])('401: %s', async (credential) => {
      expect((await get(DOOR_1, { 'coder-session-token': credential }).expect(401)).body).toEqual(message);
      expect((await get(DOOR_2, { 'x-api-key': credential }).expect(401)).body.code).toBe(401);
    });
  });

  describe('in the API description', () => {
    type Schema = Readonly<{ $ref?: string }>;
    type Operation = Readonly<{
      'x-permission': string;
      security: object[];
      responses: Record<string, { content?: { 'application/json': { schema: Schema } } }>;
    }>;

    it('every answer of each door is in that door’s shape, and its credential is named', async () => {
      const { body } = await app.as(null).get('/openapi.json').expect(200);
      const paths = Object.entries<Record<string, Operation>>(body.paths).filter(([path]) =>
        path.startsWith('/api/'),
      );
      expect(paths).toHaveLength(9);
      for (const [path, methods] of paths) {
        const [door, header, errors] = path.startsWith('/api/v2/')
          ? [
              'CoderErrorView',
              'coder-session-token',
              ['401', '403', '404', '413', '415', '426', '429', '500', '503'],
            ]
          : ['DreadnodeErrorView', 'x-api-key', ['400', '401', '403', '404', '426', '429', '500', '503']];
        for (const operation of Object.values(methods)) {
          expect(operation['x-permission']).toBe('user');
          expect(operation.security).toContainEqual({ [header]: [] });
          const refusals = Object.entries(operation.responses).filter(([status]) => Number(status) >= 400);
          expect(refusals.map(([status]) => status)).toEqual(expect.arrayContaining(errors));
          for (const [, refusal] of refusals) {
            expect(refusal.content?.['application/json'].schema.$ref).toBe(`#/components/schemas/${door}`);
          }
        }
      }
    });
  });
});
