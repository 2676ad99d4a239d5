import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { lockWaiters } from '../support/lock-waiters.js';
import type { Environment, Person } from '../support/world.js';

describe('values', () => {
  let app: TestApp;
  let owner: Person;
  let env: Environment;
  let asOwner: Client;
  /** A service token with the role `consumer` in the whole project. */
  let asPipeline: Client;
  let counter = 0;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    await app.world.environment('acme/web/default', owner);
    asOwner = app.as(owner);
    asPipeline = app.as(await app.world.serviceToken(owner, 'consumer', 'acme/web'));
  });

  beforeEach(async () => {
    counter += 1;
    env = await app.world.environment(`acme/web/v${String(counter)}`, owner);
  });

  afterAll(() => app.close());

  const set = (name: string, body: object) => asOwner.put(`${env.secretPath(name)}/value`, body);
  const get = (name: string, query = '') => asPipeline.get(`${env.secretPath(name)}/value${query}`);

  describe('PUT …/value', () => {
    it('200: answers everything but the value, and versions are dense', async () => {
      await env.secret('A');
      const first = await set('A', { value: 'canary-1' }).expect(200);
      expect(first.body).toEqual({ name: 'A', hasValue: true, version: 1, updatedAt: expect.any(String) });
      expect(first.text).not.toContain('canary');
      const second = await set('A', { value: 'canary-2' }).expect(200);
      expect(second.body.version).toBe(2);
      expect(second.headers['etag']).not.toBe(first.headers['etag']);
    });

    it.each([
      '',
      ' ',
      '  padded\t\n',
      '\r\n',
      'null',
      '"quoted"',
      '$HOME `id` $(id)',
      '🔑\u0301 NFD é é',
      '\u202e\ufeff',
      '\u0001\u007f',
      'x'.repeat(65_536),
    ])('200: a value comes back byte for byte (%#)', async (value) => {
      await env.secret('A');
      await set('A', { value }).expect(200);
      expect((await get('A').expect(200)).body).toEqual({ name: 'A', value, version: 1 });
    });

    it.each([
      ['a number', { value: 7 }],
      ['null', { value: null }],
      ['nothing', {}],
      ['an object', { value: { a: 1 } }],
      ['a NUL', { value: 'canary\0' }],
      ['one byte too many', { value: 'é'.repeat(32_768) + 'x' }],
      ['an unknown field', { value: 'canary', extra: 1 }],
      ['a negative ifVersion', { value: 'canary', ifVersion: -1 }],
      ['a text as ifVersion', { value: 'canary', ifVersion: '1' }],
      ['null as ifVersion', { value: 'canary', ifVersion: null }],
      ['an array as body', ['canary']],
    ])('400: refuses %s, without showing it', async (_, body) => {
      await env.secret('A');
      const answer = await set('A', body).expect(400);
      expect(answer.body.code).toBe('invalid_request');
      expect(answer.text).not.toContain('canary');
    });

    it('200: of many at once two wait in the database, the others before it, and none is lost', async () => {
      await env.secret('A');
      const holder = new pg.Client({ connectionString: app.databaseUrl });
      await holder.connect();
      await holder.query('begin');
      await holder.query('select 1 from environments where name = $1 for update', [`v${String(counter)}`]);
      const sets = Array.from({ length: 10 }, () =>
        set('A', { value: 'x' }).then(({ body }) => body.version as number),
      );
      while ((await lockWaiters(app.sql)) < 2) await pause(10);
      await pause(200);
      expect(await lockWaiters(app.sql)).toBe(2);
      await holder.query('rollback');
      await holder.end();
      const versions = await Promise.all(sets);
      expect(versions.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });

    it('404: never declares what is missing', async () => {
      await set('MISSING', { value: 'x' }).expect(404);
      await asOwner.get(env.secretPath('MISSING')).expect(404);
    });

    it('412: ifVersion must be the version of the present value, 0 for none yet', async () => {
      await env.secret('A');
      await set('A', { value: 'x', ifVersion: 1 }).expect(412);
      await set('A', { value: 'x', ifVersion: 0 }).expect(200);
      await set('A', { value: 'y', ifVersion: 0 }).expect(412);
      await set('A', { value: 'y', ifVersion: 1 }).expect(200);
    });
  });

  describe('GET …/value', () => {
    it('200: an earlier version, while it is kept', async () => {
      await env.secret('A', 'one');
      await set('A', { value: 'two' }).expect(200);
      expect((await get('A', '?version=1').expect(200)).body).toEqual({
        name: 'A',
        value: 'one',
        version: 1,
      });
    });

    it('200: is on record with its version before it leaves', async () => {
      await env.secret('A', 'canary-audit');
      const { headers } = await get('A').expect(200);
      const event = (await app.events('acme')).at(-1);
      expect(event).toMatchObject({
        action: 'secret.value-get',
        actor_type: 'service-token',
        resource: { project: 'web', environment: `v${String(counter)}`, secret: 'A', version: 1 },
        request_id: headers['x-request-id'],
      });
      expect(JSON.stringify(event)).not.toContain('canary');
    });

    it('403: the owner who set it cannot read it, and the refusal is on record', async () => {
      await env.secret('A', 'x');
      const { body } = await asOwner.get(`${env.secretPath('A')}/value`).expect(403);
      expect(body).toEqual({
        error: expect.stringContaining('secrets:get-value'),
        code: 'forbidden',
        details: [{ permission: 'secrets:get-value' }],
      });
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'secret.value-get',
        outcome: 'denied',
        resource: { secret: 'A', permission: 'secrets:get-value' },
      });
    });

    it('404: no such secret, no such version', async () => {
      await env.secret('A', 'x');
      expect((await get('B').expect(404)).body.code).toBe('not_found');
      expect((await get('A', '?version=2').expect(404)).body.code).toBe('not_found');
    });

    it('409: declared without a value', async () => {
      await env.secret('A');
      expect((await get('A').expect(409)).body.code).toBe('no_value');
    });

    it.each(['?version=0', '?version=x', '?version=', '?version=99999999999', '?raw=1'])(
      '400: refuses %s',
      async (query) => {
        await env.secret('A', 'x');
        await get('A', query).expect(400);
      },
    );
  });

  describe('versions and rollback', () => {
    it('200: versions, newest first, say who and when and never what', async () => {
      await env.secret('A', 'canary-1');
      await set('A', { value: 'canary-2' }).expect(200);
      const { body, text } = await asOwner.get(`${env.secretPath('A')}/versions`).expect(200);
      const author = { type: 'user', name: 'olivia' };
      expect(body).toEqual([
        { version: 2, createdAt: expect.any(String), createdBy: author, current: true },
        { version: 1, createdAt: expect.any(String), createdBy: author, current: false },
      ]);
      expect(text).not.toContain('canary');
    });

    it('200: rolling back makes a new version with the old value', async () => {
      await env.secret('A', 'one');
      await set('A', { value: 'two' }).expect(200);
      const { body } = await asOwner.post(`${env.secretPath('A')}/rollback`, { version: 1 }).expect(200);
      expect(body).toEqual({ name: 'A', hasValue: true, version: 3, updatedAt: expect.any(String) });
      expect((await get('A').expect(200)).body).toEqual({ name: 'A', value: 'one', version: 3 });
    });

    it('400 and 404: what is no version, what was none', async () => {
      await env.secret('A', 'one');
      await asOwner.post(`${env.secretPath('A')}/rollback`, { version: '1' }).expect(400);
      await asOwner.post(`${env.secretPath('A')}/rollback`, {}).expect(400);
      await asOwner.post(`${env.secretPath('A')}/rollback`, { version: 2 }).expect(404);
    });

    it('keeps the last 20 versions and destroys the older ones', async () => {
      await env.secret('A', 'v1');
      for (let version = 2; version <= 22; version += 1)
        await set('A', { value: `v${String(version)}` }).expect(200);
      const { body } = await asOwner.get(`${env.secretPath('A')}/versions`).expect(200);
      expect(body.map(({ version }: { version: number }) => version)).toEqual(
        Array.from({ length: 20 }, (_, i) => 22 - i),
      );
      await get('A', '?version=2').expect(404);
      const { rows } = await app.sql.query(
        'select 1 from secret_versions where version < 3 and secret_id = (select secret_id from secret_versions where version = 22)',
      );
      expect(rows).toEqual([]);
    });
  });

  describe('GET …/values', () => {
    const values = (query = '') => asPipeline.get(`${env.path}/values${query}`);

    it('200: all values of one revision, with its ETag', async () => {
      await env.secret('B', 'b');
      await env.secret('A', '');
      const { body, headers } = await values().expect(200);
      expect(body).toEqual({
        environment: `acme/web/v${String(counter)}`,
        revision: 4,
        values: { A: '', B: 'b' },
      });
      expect(headers['etag']).toBe('"4"');
      expect(headers['cache-control']).toBe('no-store');
    });

    it('200: one record names every secret and version that left', async () => {
      await env.secret('A', 'a');
      await env.secret('B', 'b');
      await set('B', { value: 'c' }).expect(200);
      await values().expect(200);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'values.get',
        resource: {
          revision: 5,
          secrets: [
            { secret: 'A', version: 1 },
            { secret: 'B', version: 2 },
          ],
        },
      });
    });

    it('200: an environment without secrets has no values', async () => {
      expect((await values().expect(200)).body).toMatchObject({ revision: 0, values: {} });
    });

    it('200: names chooses', async () => {
      await env.secret('A', 'a');
      await env.secret('B', 'b');
      await env.secret('C');
      expect((await values('?names=B,A').expect(200)).body.values).toEqual({ A: 'a', B: 'b' });
    });

    it('304: what is known already is not sent, and is on record as not modified', async () => {
      await env.secret('A', 'a');
      const { headers } = await values().expect(200);
      const again = await values()
        .set('if-none-match', headers['etag'] as string)
        .expect(304);
      expect(again.text).toBe('');
      expect(again.headers['etag']).toBe(headers['etag']);
      expect((await app.events('acme')).at(-1)?.resource).toMatchObject({ notModified: true });
      await set('A', { value: 'b' }).expect(200);
      await values()
        .set('if-none-match', headers['etag'] as string)
        .expect(200);
    });

    it('304: opens nothing for it, also when nothing is remembered', async () => {
      await env.secret('A', 'a');
      const { body } = await asOwner.get(`${env.path}/readiness`).expect(200);
      await app.sql.query(
        `update secret_versions set sealed = '\\x00' where secret_id in (
           select s.id from secrets s join environments e on e.id = s.environment_id where e.name = $1)`,
        [`v${String(counter)}`],
      );
      for (let time = 1; time <= 2; time += 1)
        await values()
          .set('if-none-match', `"${String(body.revision)}"`)
          .expect(304);
      await values().expect(500);
    });

    it('304, and 200 after the next change: from what a 304 alone has left in memory', async () => {
      await env.secret('A', 'a');
      const { body } = await asOwner.get(`${env.path}/readiness`).expect(200);
      const known = () => values().set('if-none-match', `"${String(body.revision)}"`);
      await known().expect(304);
      await known().expect(304);
      await set('A', { value: 'b' }).expect(200);
      expect((await known().expect(200)).body.values).toEqual({ A: 'b' });
      await known().expect(200);
    });

    it('404: names what is not declared', async () => {
      await env.secret('A', 'a');
      const { body } = await values('?names=A,X,Y').expect(404);
      expect(body).toMatchObject({ code: 'not_found', details: [{ name: 'X' }, { name: 'Y' }] });
    });

    it('409: lists every missing value, and no value leaves', async () => {
      await env.secret('A', 'canary');
      await env.secret('M1');
      await env.secret('M2');
      const { body, text } = await values().expect(409);
      expect(body).toMatchObject({ code: 'values_missing', details: [{ name: 'M1' }, { name: 'M2' }] });
      expect(text).not.toContain('canary');
    });

    it('200: missing=omit leaves out and lists what has no value', async () => {
      await env.secret('A', 'a');
      await env.secret('M');
      expect((await values('?missing=omit').expect(200)).body).toMatchObject({
        values: { A: 'a' },
        missing: ['M'],
      });
      await env.secret('Z', '');
      expect((await values('?missing=omit&names=Z').expect(200)).body).toMatchObject({
        values: { Z: '' },
        missing: [],
      });
    });

    it.each(['?names=', '?names=A,', '?missing=', '?missing=x', '?names=A&names=B', '?x=1'])(
      '400: refuses %s',
      async (query) => {
        await values(query).expect(400);
      },
    );
  });

  it('GET …/readiness: says what is declared and what is missing', async () => {
    await env.secret('A', 'a');
    await env.secret('M');
    const readiness = () => asOwner.get(`${env.path}/readiness`).expect(200);
    expect((await readiness()).body).toEqual({ ready: false, revision: 3, declared: 2, missing: ['M'] });
    await set('M', { value: '' }).expect(200);
    expect((await readiness()).body).toEqual({ ready: true, revision: 4, declared: 2, missing: [] });
  });

  it('the revision of an environment grows by one with every change in it', async () => {
    const revision = async () => (await asOwner.get(`${env.path}/readiness`).expect(200)).body.revision;
    await env.secret('A');
    expect(await revision()).toBe(1);
    await set('A', { value: 'x' }).expect(200);
    await asOwner.put(env.secretPath('A'), { kind: 'Secret', name: 'A', description: 'd' }).expect(200);
    await asOwner.post(`${env.secretPath('A')}/rollback`, { version: 1 }).expect(200);
    await asOwner.delete(env.secretPath('A')).expect(200);
    await asOwner.post(`${env.secretPath('A')}/restore`).expect(200);
    expect(await revision()).toBe(6);
    await set('B', { value: 'x' }).expect(404);
    expect(await revision()).toBe(6);
  });
});
