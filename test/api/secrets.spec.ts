import { Retention } from '../../src/secrets/retention.js';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import type { Environment, Person } from '../support/world.js';

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

describe('secrets of an environment', () => {
  let app: TestApp;
  let owner: Person;
  let env: Environment;
  let asOwner: Client;
  let counter = 0;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    asOwner = app.as(owner);
  });

  beforeEach(async () => {
    counter += 1;
    env = await app.world.environment(`acme/web/e${String(counter)}`, owner);
  });

  afterAll(() => app.close());

  const declare = (name: unknown, more: object = {}) =>
    asOwner.post(`${env.path}/secrets`, { kind: 'Secret', name, ...more });

  describe('POST …/secrets', () => {
    it('201: declares a name with a description and no value', async () => {
      const { body, headers } = await declare('DATABASE_URL', { description: 'Orders' }).expect(201);
      expect(body).toEqual({
        name: 'DATABASE_URL',
        description: 'Orders',
        hasValue: false,
        version: null,
        createdAt: expect.stringMatching(TIMESTAMP),
        updatedAt: body.createdAt,
      });
      expect(headers['etag']).toMatch(/^"\d+"$/);
    });

    it('201: a description that is left out is null', async () => {
      const { body } = await declare('A').expect(201);
      expect(body.description).toBeNull();
    });

    it('201: writes one event that names the secret and its place', async () => {
      const { headers } = await declare('AUDITED').expect(201);
      const event = (await app.events('acme')).at(-1);
      expect(event).toMatchObject({
        action: 'secret.declare',
        outcome: 'allowed',
        actor_type: 'user',
        actor_name: 'olivia',
        resource: { project: 'web', environment: `e${String(counter)}`, secret: 'AUDITED' },
        request_id: headers['x-request-id'],
      });
    });

    it('400: all broken rules come back together, and no input with them', async () => {
      const { body } = await declare('1 canary-name', {
        kind: 'secret',
        description: 7,
        extra: 'canary',
      }).expect(400);
      expect(body.code).toBe('invalid_request');
      expect(body.details.map(({ field }: { field: string }) => field).sort()).toEqual([
        'description',
        'extra',
        'kind',
        'name',
      ]);
      expect(JSON.stringify(body)).not.toContain('canary');
    });

    it('400: a value in the body is refused, not dropped', async () => {
      const { body } = await declare('A', { value: 'canary' }).expect(400);
      expect(body.details).toEqual([{ field: 'value', error: expect.any(String) }]);
    });

    it.each([
      '',
      ' A',
      'A ',
      'A B',
      '1A',
      '-A',
      'Ä',
      'Ａ',
      'A/B',
      '..',
      'a\u0000',
      'A\u200b',
      '\u202eA',
      'x'.repeat(129),
      'x'.repeat(10_000),
      'PATH',
      'path',
      'Ld_Preload',
      'ld-preload',
      'NODE_OPTIONS',
      'coffer.token',
      '__proto__',
      'constructor',
      7,
      null,
      ['A'],
      { $ne: null },
    ])('400: refuses the name %j, and repairs none', async (name) => {
      const { body } = await declare(name).expect(400);
      expect(body.details).toContainEqual({ field: 'name', error: expect.any(String) });
    });

    it.each(['GITHUB_TOKEN', 'NODE_ENV', '_', 'a.b-c_D9', 'x'.repeat(128)])(
      '201: takes the name %s',
      async (name) => {
        await declare(name).expect(201);
      },
    );

    it('400: a description has at most 1,024 characters, counted as code points', async () => {
      await declare('A', { description: '🔑'.repeat(1024) }).expect(201);
      await declare('B', { description: '🔑'.repeat(1025) }).expect(400);
    });

    it('400: a lone surrogate is refused in every string', async () => {
      const broken = asOwner.post(`${env.path}/secrets`).set('content-type', 'application/json');
      const { body } = await broken.send('{"kind":"Secret","name":"A","description":"\\ud800"}').expect(400);
      expect(body.details).toEqual([{ field: 'description', error: expect.any(String) }]);
      const both = asOwner.post(`${env.path}/secrets`).set('content-type', 'application/json');
      const { body: all } = await both
        .send('{"kind":"Secret","name":"1","description":"\\ud800","x":1}')
        .expect(400);
      const unnamed = asOwner.post(`${env.path}/secrets`).set('content-type', 'application/json');
      const { text } = await unnamed.send('{"kind":"Secret","name":"A","\\ud800":1}').expect(400);
      expect(text).not.toMatch(/ud800/i);
      expect(all.details.map(({ field }: { field: string }) => field).sort()).toEqual([
        'description',
        'name',
        'x',
      ]);
    });

    it('409: a name is declared once, in any spelling with the same environment-variable form', async () => {
      await declare('api-key').expect(201);
      for (const name of ['api-key', 'API_KEY', 'Api.Key', 'api_key']) {
        const { body } = await declare(name).expect(409);
        expect(body.code).toBe('already_exists');
      }
    });

    it('409: of 20 parallel declarations one wins', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => declare('RACE')));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
    });
  });

  describe('GET …/secrets', () => {
    it('200: a bare array by name, never a value or an id', async () => {
      await env.secret('b', 'canary-value');
      await env.secret('A');
      const { body, text } = await asOwner.get(`${env.path}/secrets`).expect(200);
      expect(
        body.map(({ name, hasValue, version }: Record<string, unknown>) => [name, hasValue, version]),
      ).toEqual([
        ['A', false, null],
        ['b', true, 1],
      ]);
      expect(Object.keys(body[0]).sort()).toEqual([
        'createdAt',
        'description',
        'hasValue',
        'name',
        'updatedAt',
        'version',
      ]);
      expect(text).not.toContain('canary');
    });

    it('200: pages with limit and cursor until there is no next link, each secret once', async () => {
      for (const name of ['A', 'B', 'C', 'D', 'E']) await declare(name).expect(201);
      const seen: string[] = [];
      let path: string | undefined = `${env.path}/secrets?limit=2`;
      while (path !== undefined) {
        const { body, headers }: { body: { name: string }[]; headers: Record<string, string> } = await asOwner
          .get(path)
          .expect(200);
        expect(body.length).toBeLessThanOrEqual(2);
        seen.push(...body.map(({ name }) => name));
        path = /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];
      }
      expect(seen).toEqual(['A', 'B', 'C', 'D', 'E']);
    });

    it('200: filters by hasValue, both ways', async () => {
      await env.secret('SET', 'x');
      await env.secret('EMPTY', '');
      await env.secret('UNSET');
      const names = async (query: string) =>
        (await asOwner.get(`${env.path}/secrets?${query}`).expect(200)).body.map(
          ({ name }: { name: string }) => name,
        );
      expect(await names('hasValue=false')).toEqual(['UNSET']);
      expect(await names('hasValue=true')).toEqual(['EMPTY', 'SET']);
    });

    it('200: deleted=true shows only the deleted ones', async () => {
      await env.secret('KEPT');
      await env.secret('GONE', 'x');
      await asOwner.delete(env.secretPath('GONE')).expect(200);
      const { body } = await asOwner.get(`${env.path}/secrets?deleted=true`).expect(200);
      expect(body.map(({ name }: { name: string }) => name)).toEqual(['GONE']);
    });

    it('200: of those that were deleted under one name, deleted=true shows the one that restore brings back', async () => {
      for (const description of ['first', 'second']) {
        await declare('TWICE', { description }).expect(201);
        await asOwner.delete(env.secretPath('TWICE')).expect(200);
      }
      const deleted = async () =>
        (await asOwner.get(`${env.path}/secrets?deleted=true`).expect(200)).body as { description: string }[];
      expect((await deleted()).map(({ description }) => description)).toEqual(['second']);
      await declare('twice').expect(201);
      expect(await deleted()).toEqual([]);
      await asOwner.post(`${env.secretPath('TWICE')}/restore`).expect(409);
      await asOwner.delete(env.secretPath('twice')).expect(200);
      expect(await deleted()).toHaveLength(2);
      const { body } = await asOwner.post(`${env.secretPath('TWICE')}/restore`).expect(200);
      expect(body.description).toBe('second');
    });

    it.each([
      'limit=0',
      'limit=x',
      'limit=',
      'limit=1&limit=2',
      'limit=1e1',
      'limit=0x1',
      'limit=%201',
      'hasValue=%ff',
      'cursor=x',
      'cursor=',
      'hasValue=yes',
      'sort=name',
      'limit=1001',
    ])('400: refuses ?%s', async (query) => {
      const { body } = await asOwner.get(`${env.path}/secrets?${query}`).expect(400);
      expect(body.code).toBe('invalid_request');
    });
  });

  describe('GET …/secrets/{name}', () => {
    it('200: with an ETag', async () => {
      await env.secret('A', 'x');
      const { body, headers } = await asOwner.get(env.secretPath('A')).expect(200);
      expect(body).toMatchObject({ name: 'A', hasValue: true, version: 1 });
      expect(headers['etag']).toMatch(/^"\d+"$/);
      expect(headers['cache-control']).toBe('no-store');
    });

    it.each(['B', 'a', 'A%20', '%41%00', '__proto__', '..%2fA', 'x'.repeat(3000), '%e2%80%ae'])(
      '404: for %s',
      async (name) => {
        await env.secret('A');
        const { body } = await asOwner.get(`${env.path}/secrets/${name}`).expect(404);
        expect(body.code).toBe('not_found');
      },
    );
  });

  describe('PUT …/secrets/{name}', () => {
    it('200: replaces the description; left out means null', async () => {
      await declare('A', { description: 'old' }).expect(201);
      const { body } = await asOwner
        .put(env.secretPath('A'), { kind: 'Secret', name: 'A', description: 'new' })
        .expect(200);
      expect(body.description).toBe('new');
      const cleared = await asOwner.put(env.secretPath('A'), { kind: 'Secret', name: 'A' }).expect(200);
      expect(cleared.body.description).toBeNull();
    });

    it('400: the name in the body must be the one in the path', async () => {
      await env.secret('A');
      const { body } = await asOwner.put(env.secretPath('A'), { kind: 'Secret', name: 'B' }).expect(400);
      expect(body.details).toEqual([{ field: 'name', error: expect.any(String) }]);
    });

    it('404: what is not declared is not declared by it', async () => {
      await asOwner.put(env.secretPath('A'), { kind: 'Secret', name: 'A' }).expect(404);
    });

    it('412: If-Match must name the present ETag, strongly', async () => {
      const { headers } = await declare('A').expect(201);
      const tag = headers['etag'] as string;
      const put = (ifMatch: string) =>
        asOwner.put(env.secretPath('A'), { kind: 'Secret', name: 'A' }).set('if-match', ifMatch);
      expect((await put('"999"').expect(412)).body.code).toBe('precondition_failed');
      await put(`W/${tag}`).expect(412);
      await put('nonsense').expect(412);
      await put(`"7", ${tag}`).expect(200);
      await put(tag).expect(412);
      await put('*').expect(200);
    });
  });

  describe('DELETE …/secrets/{name}', () => {
    it('200: says what was deleted, and it is gone', async () => {
      await env.secret('A', 'x');
      const { body } = await asOwner.delete(env.secretPath('A')).expect(200);
      expect(body).toEqual({ deleted: true, name: 'A' });
      await asOwner.get(env.secretPath('A')).expect(404);
      await asOwner.delete(env.secretPath('A')).expect(404);
    });

    it('a name that is declared again starts without a value', async () => {
      await env.secret('A', 'old');
      await asOwner.delete(env.secretPath('A')).expect(200);
      const { body } = await declare('A').expect(201);
      expect(body).toMatchObject({ hasValue: false, version: null });
      expect((await asOwner.get(`${env.secretPath('A')}/versions`).expect(200)).body).toEqual([]);
    });
  });

  describe('POST …/secrets/{name}/restore', () => {
    it('200: brings back the one that was deleted last, with its versions', async () => {
      await env.secret('A', 'first');
      await asOwner.delete(env.secretPath('A')).expect(200);
      await env.secret('A', 'second');
      await asOwner.put(`${env.secretPath('A')}/value`, { value: 'third' }).expect(200);
      await asOwner.delete(env.secretPath('A')).expect(200);
      const { body } = await asOwner.post(`${env.secretPath('A')}/restore`).expect(200);
      expect(body).toMatchObject({ name: 'A', hasValue: true, version: 2 });
    });

    it('404: nothing of that name was deleted', async () => {
      await asOwner.post(`${env.secretPath('A')}/restore`).expect(404);
    });

    it('409: the name is in use', async () => {
      await env.secret('api-key');
      await asOwner.post(`${env.secretPath('api-key')}/restore`).expect(409);
      await asOwner.delete(env.secretPath('api-key')).expect(200);
      await declare('API_KEY').expect(201);
      await asOwner.post(`${env.secretPath('api-key')}/restore`).expect(409);
    });

    it('412: If-Match must name the ETag of the deleted one', async () => {
      const { headers } = await env.secret('TAGGED').then(() => asOwner.get(env.secretPath('TAGGED')));
      await asOwner.delete(env.secretPath('TAGGED')).expect(200);
      const restore = `${env.secretPath('TAGGED')}/restore`;
      await asOwner
        .post(restore)
        .set('if-match', headers['etag'] ?? '')
        .expect(412);
      await asOwner.post(restore).set('if-match', '*').expect(200);
    });

    it('what was deleted longer ago than the retention is destroyed with its versions, on record, and nothing else', async () => {
      await env.secret('EXPIRED', 'x');
      await env.secret('RECENT', 'x');
      for (const name of ['EXPIRED', 'RECENT']) await asOwner.delete(env.secretPath(name)).expect(200);
      await app.sql.query(
        `update secrets set deleted_at = now() - interval '31 days' where name = 'EXPIRED'`,
      );
      const { rows: before } = await app.sql.query<{ id: string }>(
        `select id from secrets where name = 'EXPIRED'`,
      );
      await app.app.get(Retention).destroyExpired();
      const { rows: left } = await app.sql.query(
        `select name from secrets where name in ('EXPIRED', 'RECENT')`,
      );
      expect(left).toEqual([{ name: 'RECENT' }]);
      const versions = await app.sql.query('select 1 from secret_versions where secret_id = $1', [
        before[0]?.id,
      ]);
      expect(versions.rowCount).toBe(0);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'secret.destroy',
        actor_type: 'system',
        resource: { secrets: expect.arrayContaining([{ secret: 'EXPIRED' }]) },
      });
    });

    it('404: what was deleted longer ago than the retention is not listed and does not come back', async () => {
      await env.secret('OLD', 'x');
      await asOwner.delete(env.secretPath('OLD')).expect(200);
      await app.sql.query(`update secrets set deleted_at = now() - interval '31 days' where name = 'OLD'`);
      await asOwner.post(`${env.secretPath('OLD')}/restore`).expect(404);
      expect((await asOwner.get(`${env.path}/secrets?deleted=true`).expect(200)).body).toEqual([]);
    });
  });

  it('64 writers with If-Match make exactly one winner for each tag', async () => {
    const { headers } = await declare('CONTENDED').expect(201);
    let tag = headers['etag'] as string;
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 64 }, (_, writer) =>
          asOwner
            .put(`${env.secretPath('CONTENDED')}/value`, {
              value: `round ${String(round)} writer ${String(writer)}`,
            })
            .set('if-match', tag),
        ),
      );
      const winners = answers.filter(({ status }) => status === 200);
      expect(winners).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 412)).toHaveLength(63);
      tag = winners[0]?.headers['etag'] as string;
      expect(tag).toMatch(/^"\d+"$/);
    }
    expect((await asOwner.get(env.secretPath('CONTENDED')).expect(200)).body.version).toBe(3);
  });
});
