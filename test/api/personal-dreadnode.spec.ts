import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NO_SUCH_ID = '2489E9AD-2EE2-8E00-8EC9-32D5F69181C0';
const SECRETS = '/api/v1/user/secrets';
const DOOR_1 = '/api/v2/users/me/secrets';
const BULLETS = '\u2022\u2022\u2022\u2022';

describe('personal secrets, door 2', () => {
  let app: TestApp;
  let me: Client;
  let counter = 0;

  beforeAll(async () => {
    app = await TestApp.start();
  });

  beforeEach(async () => {
    counter += 1;
    me = app.as(await app.world.user(`user-${counter}`));
  });

  afterAll(() => app.close());

  const create = (body: object) => me.post(SECRETS, { name: 'API_KEY', value: 'a value', ...body });
  const valueOf = async (name: string): Promise<string> =>
    (await me.get(`/api/v2/users/secrets/${name}/value`).expect(200)).body.value;

  const broken = (field: string, msg: unknown = expect.any(String)) => ({
    loc: ['body', field],
    msg,
    type: expect.any(String),
  });
  const unprocessable = (...errors: object[]) => ({
    code: 422,
    detail: expect.any(String),
    type: 'validation_error',
    errors,
  });

  describe('POST /user/secrets', () => {
    it('201: the secret with its value masked, and nothing else', async () => {
      const { body } = await create({ value: 'sk-proj-0123456789', provider: 'openai' }).expect(201);
      expect(body).toEqual({
        id: expect.stringMatching(UUID),
        name: 'API_KEY',
        provider: 'openai',
        masked_value: `sk-pro${BULLETS}789`,
        created_at: expect.stringMatching(TIMESTAMP),
        updated_at: body.created_at,
      });
      expect(await valueOf('API_KEY')).toBe('sk-proj-0123456789');
    });

    it('201: a provider that is left out or null is null', async () => {
      expect((await create({}).expect(201)).body.provider).toBeNull();
      expect((await create({ name: 'B', provider: null }).expect(201)).body.provider).toBeNull();
    });

    it('201: unknown fields and parameters mean nothing', async () => {
      await me
        .post(`${SECRETS}?page=1`, { name: 'A', value: 'v', description: 7, env_name: 'X' })
        .expect(201);
    });

    it('201: at door 1 the name is the variable’s as well', async () => {
      await create({}).expect(201);
      expect((await me.get(`${DOOR_1}/API_KEY`).expect(200)).body).toMatchObject({
        name: 'API_KEY',
        env_name: 'API_KEY',
        file_path: '',
        description: '',
      });
    });

    it.each([
      ['short', BULLETS],
      ['123456789012345', BULLETS],
      ['1234567890123456', `123456${BULLETS}456`],
      ['x'.repeat(65_536), `xxxxxx${BULLETS}xxx`],
      ['🔑'.repeat(15), BULLETS],
      ['🔑🔒'.repeat(8), `🔑🔒🔑🔒🔑🔒${BULLETS}🔒🔑🔒`],
    ])('201: masks %s, without telling its length', async (value, mask) => {
      expect((await create({ value }).expect(201)).body.masked_value).toBe(mask);
    });

    it.each([
      '',
      '1A',
      'A-B',
      'A B',
      'A\n',
      'Ä',
      'A'.repeat(256),
      'PATH',
      'Home',
      'LD_PRELOAD',
      'CODER',
      'COFFER_TOKEN',
      'A\u0000',
      7,
      null,
      ['A'],
    ])('422: the name %j', async (name) => {
      const { body } = await create({ name }).expect(422);
      expect(body).toEqual(unprocessable(broken('name')));
    });

    it('201: a name of 255 characters', async () => {
      await create({ name: 'A'.repeat(255) }).expect(201);
    });

    it.each(['', null, 7, {}, 'a\0b', 'x'.repeat(65_537), undefined])('422: the value %j', async (value) => {
      const { body } = await create({ value }).expect(422);
      expect(body).toEqual(unprocessable(broken('value')));
    });

    it('422: every broken field is in errors, and no input is', async () => {
      const { body, text } = await me
        .post(SECRETS, { name: 'canary-name', value: ['canary'], provider: { canary: 1 } })
        .expect(422);
      expect(body).toEqual(unprocessable(broken('name'), broken('value'), broken('provider')));
      expect(text).not.toContain('canary');
      const empty = await me.post(SECRETS, {}).expect(422);
      expect(empty.body).toEqual(
        unprocessable(broken('name', 'is required'), broken('value', 'is required')),
      );
    });

    it.each([['[]'], ['"text"'], ['7'], ['null'], ['']])('422: the body %j is no object', async (body) => {
      const sent = me.post(SECRETS).set('content-type', 'application/json').send(body);
      expect((await sent.expect(422)).body).toEqual(
        unprocessable({ loc: ['body'], msg: expect.any(String), type: expect.any(String) }),
      );
    });

    it('409: the name is in use, as a name or as a variable, at either door', async () => {
      await create({}).expect(201);
      const { body } = await create({}).expect(409);
      expect(body).toEqual({ code: 409, detail: expect.any(String), type: 'already_exists_error' });
      await me.post(DOOR_1, { name: 'named', value: 'v', env_name: 'VARIABLE' }).expect(201);
      await me.post(DOOR_1, { name: 'NAMED', value: 'v' }).expect(201);
      await create({ name: 'VARIABLE' }).expect(409);
      await create({ name: 'NAMED' }).expect(409);
      await me.post(DOOR_1, { name: 'other', value: 'v', env_name: 'API_KEY' }).expect(409);
    });
  });

  describe('GET /user/secrets', () => {
    it('200: all of them with their number, masked', async () => {
      expect((await me.get(SECRETS).expect(200)).body).toEqual({ secrets: [], total: 0 });
      const { body: first } = await create({ name: 'B', value: 'canary-0123456789' }).expect(201);
      const { body: second } = await create({ name: 'A' }).expect(201);
      const { body, text } = await me.get(`${SECRETS}?limit=1&page=2`).expect(200);
      expect(body).toEqual({ secrets: [second, first], total: 2 });
      expect(text).not.toContain('canary-0');
    });

    it('200: what was made at door 1 goes by its variable, else by its name', async () => {
      await me.post(DOOR_1, { name: 'with', value: 'x'.repeat(20), env_name: 'VARIABLE' }).expect(201);
      await me.post(DOOR_1, { name: 'without any', value: 'v', file_path: '~/f' }).expect(201);
      const { body } = await me.get(SECRETS).expect(200);
      expect(body.secrets).toEqual([
        expect.objectContaining({ name: 'VARIABLE', provider: null, masked_value: `xxxxxx${BULLETS}xxx` }),
        expect.objectContaining({ name: 'without any', masked_value: BULLETS }),
      ]);
    });

    it('200: a mask follows the value, whichever door it was set at', async () => {
      const { body } = await create({}).expect(201);
      await me.patch(`${DOOR_1}/API_KEY`, { value: 'abcdefghijklmnopqrstuvwxyz' }).expect(200);
      expect((await me.get(`${SECRETS}/${body.id}`).expect(200)).body.masked_value).toBe(
        `abcdef${BULLETS}xyz`,
      );
      await me.patch(`${DOOR_1}/API_KEY`, { description: 'x' }).expect(200);
      expect((await me.get(`${SECRETS}/${body.id}`).expect(200)).body.masked_value).toBe(
        `abcdef${BULLETS}xyz`,
      );
      await me.patch(`${DOOR_1}/API_KEY`, { value: '' }).expect(200);
      expect((await me.get(`${SECRETS}/${body.id}`).expect(200)).body.masked_value).toBe(BULLETS);
    });
  });

  describe('GET /user/secrets/{id}', () => {
    it('200: as it was created, by its id in either case', async () => {
      const { body } = await create({}).expect(201);
      expect((await me.get(`${SECRETS}/${body.id}`).expect(200)).body).toEqual(body);
      expect((await me.get(`${SECRETS}/${body.id.toUpperCase()}`).expect(200)).body).toEqual(body);
    });

    it('404: an id that nothing has', async () => {
      const { body } = await me.get(`${SECRETS}/${NO_SUCH_ID}`).expect(404);
      expect(body).toEqual({ code: 404, detail: expect.any(String), type: 'not_found_error' });
    });

    it.each(['API_KEY', '7', '%00', `${NO_SUCH_ID}0`, NO_SUCH_ID.replaceAll('-', ''), 'x'.repeat(3_000)])(
      '422: the id %s is malformed',
      async (id) => {
        const error = { loc: ['path', 'id'], msg: expect.any(String), type: expect.any(String) };
        for (const answer of [me.get(`${SECRETS}/${id}`), me.delete(`${SECRETS}/${id}`)]) {
          expect((await answer.expect(422)).body).toEqual(unprocessable(error));
        }
      },
    );
  });

  describe('PUT /user/secrets/{id}', () => {
    it('200: only the value changes, whatever else the body says', async () => {
      const { body: before } = await create({ provider: 'openai' }).expect(201);
      const changed = {
        value: 'another value, longer',
        name: 'OTHER',
        provider: 'x',
        id: 7,
        description: 'x',
      };
      const { body } = await me.put(`${SECRETS}/${before.id}?name=x`, changed).expect(200);
      expect(body).toEqual({
        ...before,
        masked_value: `anothe${BULLETS}ger`,
        updated_at: expect.stringMatching(TIMESTAMP),
      });
      expect(await valueOf('API_KEY')).toBe('another value, longer');
    });

    it('200: a secret of door 1 keeps its name, targets and description', async () => {
      const first = { name: 'a b', value: 'v', env_name: 'X', file_path: '~/x', description: 'd' };
      const { body: made } = await me.post(DOOR_1, first).expect(201);
      expect((await me.put(`${SECRETS}/${made.id}`, { value: 'w' }).expect(200)).body.name).toBe('X');
      expect((await me.get(`${DOOR_1}/a%20b`).expect(200)).body).toMatchObject({
        ...made,
        updated_at: expect.any(String),
      });
    });

    it('422: before it is looked whether the secret exists, with everything that is wrong', async () => {
      const { body } = await me.put(`${SECRETS}/${NO_SUCH_ID}`, { value: '' }).expect(422);
      expect(body).toEqual(unprocessable(broken('value')));
      const both = await me.put(`${SECRETS}/x`, {}).expect(422);
      expect(both.body.errors.map(({ loc }: { loc: string[] }) => loc)).toEqual([
        ['path', 'id'],
        ['body', 'value'],
      ]);
      await me.put(`${SECRETS}/${NO_SUCH_ID}`, { value: 'v' }).expect(404);
    });
  });

  describe('DELETE /user/secrets/{id}', () => {
    it('204: empty, at both doors', async () => {
      const { body } = await create({}).expect(201);
      expect((await me.delete(`${SECRETS}/${body.id}`).expect(204)).text).toBe('');
      await me.delete(`${SECRETS}/${body.id}`).expect(404);
      await me.get(`${DOOR_1}/API_KEY`).expect(404);
    });
  });

  describe('presets', () => {
    const preset = (provider: string, env_var_name: string, configured = false) => ({
      provider,
      env_var_name,
      configured,
    });

    it('200: the four of them, none of which is configured at first', async () => {
      expect((await me.get(`${SECRETS}/presets`).expect(200)).body).toEqual({
        presets: [
          preset('openai', 'OPENAI_API_KEY'),
          preset('anthropic', 'ANTHROPIC_API_KEY'),
          preset('github', 'GITHUB_TOKEN'),
          preset('tinker', 'TINKER_API_KEY'),
        ],
      });
    });

    it('201: the name is the preset’s', async () => {
      const { body } = await me
        .post(`${SECRETS}/preset`, { provider: 'github', value: 'v', name: 'X' })
        .expect(201);
      expect(body).toMatchObject({ name: 'GITHUB_TOKEN', provider: 'github', masked_value: BULLETS });
      await me.post(`${SECRETS}/preset`, { provider: 'github', value: 'v' }).expect(409);
    });

    it('200: configured goes by the name, however the secret was made', async () => {
      await me.post(`${SECRETS}/preset`, { provider: 'openai', value: 'v' }).expect(201);
      await create({ name: 'GITHUB_TOKEN' }).expect(201);
      await me.post(DOOR_1, { name: 'mine', value: 'v', env_name: 'ANTHROPIC_API_KEY' }).expect(201);
      await me.post(DOOR_1, { name: 'TINKER_API_KEY', value: 'v', file_path: '~/t' }).expect(201);
      const configured = async () =>
        (await me.get(`${SECRETS}/presets`).expect(200)).body.presets.map(
          (one: { configured: boolean }) => one.configured,
        );
      expect(await configured()).toEqual([true, true, true, true]);
      await me.patch(`${DOOR_1}/mine`, { env_name: '' }).expect(200);
      await me.patch(`${DOOR_1}/TINKER_API_KEY`, { env_name: 'OTHER' }).expect(200);
      await me.delete(`${DOOR_1}/OPENAI_API_KEY`).expect(204);
      expect(await configured()).toEqual([false, false, true, false]);
    });

    it.each(['gitlab', 'OpenAI', '', '__proto__', 'constructor', null, 7])(
      '422: the provider %j is unknown',
      async (provider) => {
        const { body } = await me.post(`${SECRETS}/preset`, { provider, value: 'v' }).expect(422);
        expect(body).toEqual(unprocessable(broken('provider')));
      },
    );

    it('422: a value is needed, too', async () => {
      const { body } = await me.post(`${SECRETS}/preset`, { provider: 'x', value: '' }).expect(422);
      expect(body).toEqual(unprocessable(broken('provider'), broken('value')));
    });

    it('405: the paths of the presets are not ids', async () => {
      for (const send of [me.delete(`${SECRETS}/presets`), me.put(`${SECRETS}/presets`, { value: 'v' })]) {
        expect((await send.expect(405)).headers['allow']).toBe('GET');
      }
      const { headers, body } = await me.get(`${SECRETS}/preset`).expect(405);
      expect(headers['allow']).toBe('POST');
      expect(body).toEqual({ code: 405, detail: expect.any(String), type: 'method_not_allowed_error' });
    });
  });
});
