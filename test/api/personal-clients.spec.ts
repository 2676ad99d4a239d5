import { TestApp } from '../support/app.js';
import type { Person } from '../support/world.js';

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

type Answer = Readonly<{ status: number; type: string | null; body: unknown }>;

/** The requests that the clients of the two families send, header by header, with nothing but the server's address changed. */
describe('clients of other services, pointed at this one', () => {
  let app: TestApp;
  let person: Person;
  let counter = 0;

  beforeAll(async () => {
    app = await TestApp.start();
  });

  beforeEach(async () => {
    counter += 1;
    person = await app.world.user(`user-${counter}`);
  });

  afterAll(() => app.close());

  async function send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: object,
  ): Promise<Answer> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(app.url + path, { method, headers, ...sent });
    const text = await answer.text();
    return {
      status: answer.status,
      type: answer.headers.get('content-type'),
      body: text && JSON.parse(text),
    };
  }

  describe('the first door', () => {
    const reading = () => ({ accept: 'application/json', 'coder-session-token': person.token });
    const writing = () => ({ ...reading(), 'content-type': 'application/json' });

    const given = {
      description: 'string',
      env_name: 'string',
      file_path: '/string',
      name: 'string',
      value: 'string',
    };
    const shown = {
      created_at: expect.stringMatching(TIMESTAMP),
      description: 'string',
      env_name: 'string',
      file_path: '/string',
      id: expect.stringMatching(UUID),
      name: 'string',
      updated_at: expect.stringMatching(TIMESTAMP),
    };
    const json = (status: number, body: unknown) => ({
      status,
      type: expect.stringMatching(/^application\/json/),
      body,
    });

    it('first generation: create, list, read, read the value', async () => {
      const own = { ...shown, user_id: person.id };
      const path = '/api/v2/users/secrets';
      expect(await send('POST', path, writing(), given)).toEqual(json(200, own));
      expect(await send('GET', path, reading())).toEqual(json(200, { secrets: [own] }));
      expect(await send('GET', `${path}/string`, reading())).toEqual(json(200, own));
      expect(await send('GET', `${path}/string/value`, reading())).toEqual(json(200, { value: 'string' }));
    });

    it.each(['me', 'username', 'id'] as const)(
      'second generation: create, list, read, update, delete, as %s',
      async (by) => {
        const path = `/api/v2/users/${by === 'me' ? 'me' : person[by]}/secrets`;
        expect(await send('POST', path, writing(), given)).toEqual(json(201, shown));
        expect(await send('GET', path, reading())).toEqual(json(200, [shown]));
        expect(await send('GET', `${path}/string`, reading())).toEqual(json(200, shown));
        const { name: _name, ...changes } = given;
        expect(await send('PATCH', `${path}/string`, writing(), changes)).toEqual(json(200, shown));
        const deleting = { 'coder-session-token': person.token };
        expect(await send('DELETE', `${path}/string`, deleting)).toEqual({
          status: 204,
          type: null,
          body: '',
        });
      },
    );

    it('the story of the guide: a variable, a file, both, an update, a target that is cleared', async () => {
      const path = '/api/v2/users/me/secrets';
      const make = (body: object) => send('POST', path, writing(), body);
      const first = { name: 'api-key', value: 'k', description: 'API key for tools', env_name: 'API_KEY' };
      expect((await make(first)).status).toBe(201);
      expect(
        (await make({ name: 'tool-config', value: '{}\n', file_path: '~/.config/tool/config.json' })).status,
      ).toBe(201);
      const both = {
        name: 'service-token',
        value: 't',
        env_name: 'SERVICE_TOKEN',
        file_path: '~/.config/service/token',
      };
      expect((await make(both)).status).toBe(201);
      expect((await send('PATCH', `${path}/api-key`, writing(), { value: 'new' })).status).toBe(200);
      expect(
        (await send('PATCH', `${path}/api-key`, writing(), { env_name: 'NEW_API_KEY' })).body,
      ).toMatchObject({
        env_name: 'NEW_API_KEY',
      });
      expect((await send('PATCH', `${path}/service-token`, writing(), { file_path: '' })).body).toMatchObject(
        {
          env_name: 'SERVICE_TOKEN',
          file_path: '',
        },
      );
      const kept = await send('GET', '/api/v2/users/secrets/tool-config/value', reading());
      expect(kept.body).toEqual({ value: '{}\n' });
      expect((await send('DELETE', `${path}/api-key`, reading())).status).toBe(204);
    });
  });

  describe('the second door', () => {
    it.each(['authorization', 'x-api-key'])('list, with what it is made of, by %s', async (header) => {
      const headers = { [header]: header === 'authorization' ? `Bearer ${person.token}` : person.token };
      const path = '/api/v1/user/secrets';
      const writing = { ...headers, 'content-type': 'application/json' };
      await send('POST', path, writing, { name: 'example', value: 'sk-proj-value-789', provider: 'example' });
      expect(await send('GET', path, headers)).toEqual({
        status: 200,
        type: expect.stringMatching(/^application\/json/),
        body: {
          secrets: [
            {
              created_at: expect.stringMatching(TIMESTAMP),
              id: expect.stringMatching(UUID),
              masked_value: 'sk-pro\u2022\u2022\u2022\u2022789',
              name: 'example',
              provider: 'example',
              updated_at: expect.stringMatching(TIMESTAMP),
            },
          ],
          total: 1,
        },
      });
    });

    it('a credential that does not hold', async () => {
      expect(await send('GET', '/api/v1/user/secrets', { authorization: 'Bearer token' })).toMatchObject({
        status: 401,
        body: { code: 401, detail: expect.any(String), type: 'authentication_error' },
      });
    });
  });
});
