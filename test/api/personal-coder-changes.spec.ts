import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import type { Person } from '../support/world.js';

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SECRETS = '/api/v2/users/me/secrets';
const OWN = '/api/v2/users/secrets';

describe('personal secrets, door 1: changes, users, the first generation', () => {
  let app: TestApp;
  let person: Person;
  let me: Client;
  let counter = 0;

  beforeAll(async () => {
    app = await TestApp.start();
  });

  beforeEach(async () => {
    counter += 1;
    person = await app.world.user(`user-${counter}`);
    me = app.as(person);
  });

  afterAll(() => app.close());

  const create = (body: object) => me.post(SECRETS, { name: 'api-key', value: 'v', ...body });
  const at = (name: string) => `${SECRETS}/${encodeURIComponent(name)}`;
  const valueOf = async (name: string): Promise<string> =>
    (await me.get(`${OWN}/${encodeURIComponent(name)}/value`).expect(200)).body.value;

  describe('PATCH /users/{user}/secrets/{name}', () => {
    const full = { description: 'd', env_name: 'A', file_path: '/a', value: 'old' };

    it('200: changes what is given and keeps what is null or left out', async () => {
      const { body: before } = await create(full).expect(201);
      const { body } = await me.patch(at('api-key'), { description: 'new', env_name: null }).expect(200);
      expect(body).toEqual({ ...before, description: 'new', updated_at: body.updated_at });
      expect(body.updated_at >= before.updated_at).toBe(true);
      expect(await valueOf('api-key')).toBe('old');
    });

    it('200: "" clears a field, and the value too', async () => {
      await create(full).expect(201);
      const { body } = await me
        .patch(at('api-key'), { description: '', env_name: '', file_path: '' })
        .expect(200);
      expect(body).toMatchObject({ description: '', env_name: '', file_path: '' });
      await me.patch(at('api-key'), { value: '' }).expect(200);
      expect(await valueOf('api-key')).toBe('');
      await create({ ...full, name: 'takes-what-was-freed' }).expect(201);
    });

    it('200: a new value, byte for byte', async () => {
      await create(full).expect(201);
      await me.patch(at('api-key'), { value: 'new\n' }).expect(200);
      expect(await valueOf('api-key')).toBe('new\n');
    });

    it.each([[{}], [{ name: 'other' }], [{ unknown: 1 }], [{ value: null, description: null }]])(
      '400: %j gives no field a value',
      async (body) => {
        await create(full).expect(201);
        const answer = await me.patch(at('api-key'), body).expect(400);
        expect(answer.body).toEqual({ message: 'At least one field must be provided.' });
      },
    );

    it('400: no body at all gives no field a value either', async () => {
      const { body } = await me.patch(at('api-key')).expect(400);
      expect(body).toEqual({ message: 'At least one field must be provided.' });
    });

    it('200: a name beside other fields is ignored, whatever it is', async () => {
      await create(full).expect(201);
      const { body } = await me.patch(at('api-key'), { name: 7, description: 'x' }).expect(200);
      expect(body).toMatchObject({ name: 'api-key', description: 'x' });
    });

    it('400: the same rules as on creation, all broken fields together and in order', async () => {
      await create(full).expect(201);
      const { body } = await me
        .patch(at('api-key'), {
          file_path: 'x',
          env_name: 'PATH',
          description: 'x'.repeat(1_025),
          value: '\0',
        })
        .expect(400);
      expect(body.message).toBe('Validation failed.');
      expect(body.validations.map(({ field }: { field: string }) => field)).toEqual([
        ...['value', 'description', 'env_name', 'file_path'],
      ]);
    });

    it('checks the body first, then the fields, then whether it exists, then what is unique', async () => {
      await create({ ...full, name: 'holder' }).expect(201);
      const absent = at('absent');
      const malformed = me.patch(absent).set('content-type', 'application/json').send('{"value":');
      expect((await malformed.expect(400)).body.message).toContain('valid JSON');
      expect((await me.patch(absent, { value: 7 }).expect(400)).body.message).toContain('valid JSON');
      expect((await me.patch(absent, {}).expect(400)).body.message).toContain('At least one');
      expect((await me.patch(absent, { env_name: '1' }).expect(400)).body.message).toBe('Validation failed.');
      expect((await me.patch(at(' '), { env_name: '1' }).expect(400)).body.message).toBe(
        'Validation failed.',
      );
      await me.patch(absent, { env_name: 'A' }).expect(404);
      await create({}).expect(201);
      const { body } = await me.patch(at('api-key'), { env_name: 'A' }).expect(409);
      expect(body.validations).toEqual([
        { field: 'env_name', detail: expect.stringContaining('already in use') },
      ]);
      await me.patch(at('api-key'), { file_path: '/a' }).expect(409);
      expect((await me.get(at('api-key')).expect(200)).body).toMatchObject({ env_name: '', file_path: '' });
    });
  });

  describe('DELETE /users/{user}/secrets/{name}', () => {
    it('204: empty, and the secret is gone for good', async () => {
      await create({}).expect(201);
      const { text, headers } = await me.delete(at('api-key')).expect(204);
      expect(text).toBe('');
      expect(headers['content-length'] ?? '0').toBe('0');
      await me.get(at('api-key')).expect(404);
      await me.delete(at('api-key')).expect(404);
      await create({}).expect(201);
    });
  });

  describe('{user}', () => {
    it('is me, the caller’s username or the caller’s id, in either case', async () => {
      await create({}).expect(201);
      for (const user of ['me', person.username, person.id, person.id.toUpperCase()]) {
        expect((await me.get(`/api/v2/users/${user}/secrets`).expect(200)).body).toHaveLength(1);
      }
    });

    it('400 for anybody else, with the same bytes whether they exist or not', async () => {
      const other = await app.world.user(`other-${counter}`);
      const sent = (user: string) => [
        me.get(`/api/v2/users/${user}/secrets`),
        me.get(`/api/v2/users/${user}/secrets/x`),
        me.post(`/api/v2/users/${user}/secrets`, {}),
        me.patch(`/api/v2/users/${user}/secrets/x`, {}),
        me.delete(`/api/v2/users/${user}/secrets/x`),
      ];
      const users = [
        other.username,
        other.id,
        'nobody',
        '0b9ff0bd-0000-4000-8000-000000000000',
        'ME',
        '%00',
        'secretz',
      ];
      for (const user of users) {
        for (const { status, body } of await Promise.all(sent(user))) {
          expect([status, body]).toEqual([400, { message: '"user" must be an existing uuid or username.' }]);
        }
      }
    });
  });

  describe('the first generation, /users/secrets', () => {
    it('200: creates, lists and reads with user_id', async () => {
      const { body } = await me.post(OWN, { name: 'api-key', value: 'v', env_name: 'A' }).expect(200);
      expect(body).toEqual({
        id: expect.stringMatching(UUID),
        user_id: person.id,
        name: 'api-key',
        description: '',
        env_name: 'A',
        file_path: '',
        created_at: expect.stringMatching(TIMESTAMP),
        updated_at: body.created_at,
      });
      expect((await me.get(OWN).expect(200)).body).toEqual({ secrets: [body] });
      expect((await me.get(`${OWN}/api-key`).expect(200)).body).toEqual(body);
    });

    it('is the same store as the second', async () => {
      const { body } = await create({}).expect(201);
      expect((await me.get(OWN).expect(200)).body).toEqual({ secrets: [{ ...body, user_id: person.id }] });
    });

    it('200: gives the value out, and nothing else', async () => {
      await create({ value: ' the value\n' }).expect(201);
      expect((await me.get(`${OWN}/api-key/value`).expect(200)).body).toEqual({ value: ' the value\n' });
    });

    it('400, 404 and 409 as in the second', async () => {
      expect((await me.post(OWN, {}).expect(400)).body.message).toBe('Validation failed.');
      await me.post(OWN, { name: 'a', value: 'v' }).expect(200);
      expect((await me.post(OWN, { name: 'a', value: 'v' }).expect(409)).body.validations).toHaveLength(1);
      const absent = await me.get(`${OWN}/b`).expect(404);
      expect((await me.get(`${OWN}/b/value`).expect(404)).body).toEqual(absent.body);
    });

    it('keeps apart a secret that is called like a path', async () => {
      for (const name of ['secrets', 'value']) await create({ name, value: `value of ${name}` }).expect(201);
      expect((await me.get(`${OWN}/secrets/value`).expect(200)).body).toEqual({ value: 'value of secrets' });
      expect((await me.get(`${OWN}/value/value`).expect(200)).body).toEqual({ value: 'value of value' });
      expect((await me.get(`${OWN}/value`).expect(200)).body.name).toBe('value');
      expect((await me.get(`${OWN}/secrets`).expect(200)).body.name).toBe('secrets');
      expect((await me.get(at('value')).expect(200)).body.name).toBe('value');
    });
  });
});
