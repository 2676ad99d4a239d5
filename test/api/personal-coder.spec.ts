import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SECRETS = '/api/v2/users/me/secrets';
const OWN = '/api/v2/users/secrets';

describe('personal secrets, door 1', () => {
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

  const create = (body: object) => me.post(SECRETS, { name: 'api-key', value: 'v', ...body });
  const at = (name: string) => `${SECRETS}/${encodeURIComponent(name)}`;
  const valueOf = async (name: string): Promise<string> =>
    (await me.get(`${OWN}/${encodeURIComponent(name)}/value`).expect(200)).body.value;

  describe('POST /users/{user}/secrets', () => {
    it('201: the secret without its value, and nothing else', async () => {
      const { body, headers } = await create({
        description: 'For tools',
        env_name: 'API_KEY',
        file_path: '~/.key',
      }).expect(201);
      expect(body).toEqual({
        id: expect.stringMatching(UUID),
        name: 'api-key',
        description: 'For tools',
        env_name: 'API_KEY',
        file_path: '~/.key',
        created_at: expect.stringMatching(TIMESTAMP),
        updated_at: body.created_at,
      });
      expect(headers['cache-control']).toBe('no-store');
    });

    it('201: what is left out, null or empty is an empty string', async () => {
      const { body } = await create({ description: null, env_name: '' }).expect(201);
      expect(body).toMatchObject({ description: '', env_name: '', file_path: '' });
    });

    it('201: unknown fields and parameters mean nothing', async () => {
      await me
        .post(`${SECRETS}?tenant=x`, { name: 'a', value: 'v', kind: 'Secret', id: 7, user_id: 'x' })
        .expect(201);
    });

    it('201: many secrets without any target live beside each other', async () => {
      for (const name of ['a', 'b', 'c']) await create({ name, env_name: '', file_path: null }).expect(201);
    });

    it('400: all broken fields together, in one order whatever the body’s, and no input among them', async () => {
      const { body, text } = await create({
        file_path: 'canary/relative',
        env_name: '1canary',
        description: 'canary'.repeat(200),
        value: '',
        name: ' canary ',
      }).expect(400);
      expect(body).toEqual({
        message: 'Validation failed.',
        validations: [
          { field: 'name', detail: expect.stringContaining('whitespace') },
          { field: 'value', detail: expect.stringContaining('required') },
          { field: 'description', detail: expect.any(String) },
          { field: 'env_name', detail: expect.stringContaining('must start with a letter or underscore') },
          { field: 'file_path', detail: expect.stringContaining('must start with') },
        ],
      });
      expect(text).not.toContain('canary');
    });

    it.each([
      ['nothing at all', {}],
      ['nulls', { name: null, value: null }],
      ['empty texts', { name: '', value: '' }],
      ['a blank name', { name: ' \t\u00a0', value: '' }],
    ])('400: name and value are required, and %s gives none', async (_, body) => {
      const answer = await me.post(SECRETS, body).expect(400);
      expect(answer.body.validations).toEqual([
        { field: 'name', detail: expect.stringContaining('required') },
        { field: 'value', detail: expect.stringContaining('required') },
      ]);
    });

    it.each([
      [' a', 'whitespace'],
      ['a\u3000', 'whitespace'],
      ['a\n', 'whitespace'],
      ['a\u0085', 'whitespace'],
      ['a/b', 'must not contain'],
      ['a?b', 'must not contain'],
      ['a#', 'must not contain'],
      ['a\u0000b', 'control'],
      ['a\u001bb', 'control'],
      ['a\u009fb', 'control'],
      ['.', '.'],
      ['..', '..'],
      ['a\ud800', 'surrogate'],
      ['x'.repeat(256), '255'],
      ['🔑'.repeat(256), '255'],
    ])('400: the name %j', async (name, reason) => {
      const { body } = await create({ name }).expect(400);
      expect(body).toEqual({
        message: 'Validation failed.',
        validations: [{ field: 'name', detail: expect.stringContaining(reason) }],
      });
    });

    it.each([
      'value',
      'secrets',
      'presets',
      'me',
      '...',
      'a b  c',
      'ключ.pem',
      '🔑'.repeat(255),
      '100%',
      '%2F',
      '%252e',
      'a+b&c=d;e:f@g,h!$\'()*[]{}|\\^`"<>~',
      '__proto__',
      'constructor',
      '\u00e9',
      'e\u0301',
    ])('201: the name %s, which comes back as it was through the path', async (name) => {
      expect((await create({ name, value: `value of ${name}` }).expect(201)).body.name).toBe(name);
      expect((await me.get(at(name)).expect(200)).body.name).toBe(name);
      expect((await me.get(`${OWN}/${encodeURIComponent(name)}`).expect(200)).body.name).toBe(name);
      expect(await valueOf(name)).toBe(`value of ${name}`);
      expect((await me.patch(at(name), { description: 'x' }).expect(200)).body.name).toBe(name);
      await me.delete(at(name)).expect(204);
      await me.get(at(name)).expect(404);
    });

    it('201: names that differ in case or in composition are different', async () => {
      for (const name of ['Key', 'key', '\u00e9', 'e\u0301']) await create({ name, value: name }).expect(201);
      expect(await valueOf('\u00e9')).toBe('\u00e9');
      expect(await valueOf('e\u0301')).toBe('e\u0301');
    });

    it.each([
      ['65,536 bytes', 'x'.repeat(65_536)],
      ['65,536 bytes in fewer characters', '🔑'.repeat(16_384)],
      ['line ends and quotes', '\r\n\t"\\\' $HOME `id`\n\n'],
      ['a byte order mark', '\ufeffvalue'],
      ['characters that some would normalise', '\u00e9 e\u0301 \ufb01 \u212b'],
      [
        'every control character but NUL',
        String.fromCharCode(...Array.from({ length: 31 }, (_, i) => i + 1)),
      ],
      ['white space alone', ' '],
      ['non-characters', '\uffff\u{10ffff}'],
    ])('201: a value of %s is kept as it is', async (_, value) => {
      await create({ value }).expect(201);
      expect(await valueOf('api-key')).toBe(value);
    });

    it.each([
      ['65,537 bytes', 'x'.repeat(65_537), 'must not exceed'],
      ['65,537 bytes in fewer characters', `${'🔑'.repeat(16_384)}x`, 'must not exceed'],
      ['a NUL', 'a\0b', 'null bytes'],
    ])('400: a value of %s', async (_, value, reason) => {
      const { body } = await create({ value }).expect(400);
      expect(body.validations).toEqual([{ field: 'value', detail: expect.stringContaining(reason) }]);
    });

    it('400: half of a surrogate pair, in any field', async () => {
      const halves =
        '{"name":"\\ud800","value":"\\udc00","description":"a\\ud800","env_name":"\\ud800","file_path":"/\\ud800"}';
      const { body } = await me
        .post(SECRETS)
        .set('content-type', 'application/json')
        .send(halves)
        .expect(400);
      expect(body.validations.map(({ field }: { field: string }) => field)).toEqual([
        ...['name', 'value', 'description', 'env_name', 'file_path'],
      ]);
    });

    it.each([
      ['x'.repeat(257), '256'],
      ['1A', 'must start with a letter or underscore'],
      ['-', 'must start with a letter or underscore'],
      ['A-B', 'must start with a letter or underscore'],
      ['A\n', 'must start with a letter or underscore'],
      ['Ä', 'must start with a letter or underscore'],
      ['A\u0000', 'must start with a letter or underscore'],
      ['CODER', 'CODER_'],
      ['coder_token', 'CODER_'],
      ['COFFER', 'reserved'],
      ['COFFER_TOKEN', 'reserved'],
      ...[
        ...[
          'PATH',
          'HOME',
          'SHELL',
          'USER',
          'LOGNAME',
          'PWD',
          'OLDPWD',
          'LANG',
          'TERM',
          'IFS',
          'CDPATH',
          'ENV',
        ],
        ...['BASH_ENV', 'TMPDIR', 'TMP', 'TEMP', 'HOSTNAME', 'SSH_AUTH_SOCK', 'SSH_CLIENT', 'SSH_CONNECTION'],
        ...['SSH_TTY', 'EDITOR', 'VISUAL', 'PAGER', 'XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME'],
        ...['XDG_CACHE_HOME', 'XDG_STATE_HOME', 'VSCODE_PROXY_URI', 'CS_DISABLE_GETTING_STARTED_OVERRIDE'],
        ...['GIT_SSH_COMMAND', 'GIT_', 'LC_ALL', 'LD_PRELOAD', 'DYLD_INSERT_LIBRARIES', 'Path', 'ld_preload'],
      ].map((name) => [name, 'reserved']),
    ])('400: the env_name %s', async (name, reason) => {
      const { body } = await create({ env_name: name }).expect(400);
      expect(body.validations).toEqual([{ field: 'env_name', detail: expect.stringContaining(reason) }]);
    });

    it.each(['_', 'a', 'GITHUB_TOKEN', 'PATHS', 'MY_PATH', 'GITX', 'CODERS', 'A'.repeat(256)])(
      '201: the env_name %s',
      async (name) => {
        expect((await create({ env_name: name }).expect(201)).body.env_name).toBe(name);
      },
    );

    it.each([
      ['relative', 'must start with'],
      ['~', 'must start with'],
      ['~user/x', 'must start with'],
      ['C:\\x', 'must start with'],
      [' /x', 'must start with'],
      [`/${'x'.repeat(4_096)}`, '4,096'],
      [`/${'é'.repeat(2_048)}`, '4,096'],
      ['/a\u0000', 'null bytes'],
    ])('400: the file_path %s', async (path, reason) => {
      const { body } = await create({ file_path: path }).expect(400);
      expect(body.validations).toEqual([{ field: 'file_path', detail: expect.stringContaining(reason) }]);
    });

    it('201: a path is kept as given, however long', async () => {
      for (const [index, path] of ['~/', '/a//b/../c ', '/ключ', randomPath(4_096)].entries()) {
        expect((await create({ name: `p${index}`, file_path: path }).expect(201)).body.file_path).toBe(path);
      }
    });

    it('400: a description has at most 1,024 characters, counted as code points', async () => {
      await create({ description: '🔑'.repeat(1_024) }).expect(201);
      const { body } = await create({ name: 'b', description: '🔑'.repeat(1_025) }).expect(400);
      expect(body.validations).toEqual([{ field: 'description', detail: expect.stringContaining('1,024') }]);
      await create({ name: 'c', description: 'a\0' }).expect(400);
    });

    it.each([
      ['name', 'name', {}],
      ['env_name', 'env_name', { name: 'other' }],
      ['file_path', 'file_path', { name: 'other', env_name: 'OTHER' }],
    ])('409: the %s is in use, and one validation says so', async (_, field, changed) => {
      const first = { name: 'api-key', env_name: 'API_KEY', file_path: randomPath(4_000) };
      await create(first).expect(201);
      const { body } = await create({ ...first, ...changed }).expect(409);
      expect(body).toEqual({
        message: expect.any(String),
        validations: [{ field, detail: expect.stringContaining('already in use') }],
      });
    });

    it('201: variables and paths that differ in case are different', async () => {
      await create({ name: 'a', env_name: 'KEY', file_path: '/a' }).expect(201);
      await create({ name: 'b', env_name: 'key', file_path: '/A' }).expect(201);
    });

    it('409: of 20 parallel creations of one name one wins', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => create({})));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
    });
  });

  describe('GET /users/{user}/secrets', () => {
    it('200: a bare array by name, without values', async () => {
      for (const name of ['b', 'a', 'C', 'é']) await create({ name, value: 'canary-value' }).expect(201);
      const { body, text } = await me.get(`${SECRETS}?limit=1&unknown=1`).expect(200);
      expect(body.map(({ name }: { name: string }) => name)).toEqual(['C', 'a', 'b', 'é']);
      expect(Object.keys(body[0]).sort()).toEqual([
        ...['created_at', 'description', 'env_name', 'file_path', 'id', 'name', 'updated_at'],
      ]);
      expect(text).not.toContain('canary');
    });

    it('200: an empty array before the first one', async () => {
      expect((await me.get(SECRETS).expect(200)).body).toEqual([]);
    });
  });

  describe('GET /users/{user}/secrets/{name}', () => {
    it('200: as it was created', async () => {
      const { body } = await create({ env_name: 'A', file_path: '/a', description: 'd' }).expect(201);
      expect((await me.get(at('api-key')).expect(200)).body).toEqual(body);
    });

    it.each(['api-ke', 'API-KEY', 'api-key%20', '%00', 'api%2Fkey', '%20', 'x'.repeat(3_000)])(
      '404 with one message: %s',
      async (name) => {
        await create({}).expect(201);
        const absent = await me.get(`${SECRETS}/no-such`).expect(404);
        expect(absent.body).toEqual({ message: expect.any(String) });
        expect((await me.get(`${SECRETS}/${name}`).expect(404)).body).toEqual(absent.body);
      },
    );
  });
});

/** Letters without any pattern: a path that cannot be compressed below what an index holds. */
function randomPath(length: number): string {
  let text = '/';
  while (text.length < length) text += Math.random().toString(36).slice(2);
  return text.slice(0, length);
}
