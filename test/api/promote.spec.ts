import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import type { Environment, Person } from '../support/world.js';

describe('POST …/promote', () => {
  let app: TestApp;
  let owner: Person;
  let asOwner: Client;
  let asPipeline: Client;
  let staging: Environment;
  let prod: Environment;
  let names: { staging: string; prod: string };
  let counter = 0;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    await app.world.environment('acme/web/default', owner);
    asOwner = app.as(owner);
    asPipeline = app.as(await app.world.serviceToken(owner, 'consumer', 'acme/web'));
    await app.sql.query(
      `insert into roles select org_id, name, permissions::text[], now() from org_slugs,
         (values ('setter', '{secrets:set-value}'), ('reading-setter', '{secrets:read,secrets:set-value}')) as r (name, permissions)
       where slug = 'acme'`,
    );
  });

  beforeEach(async () => {
    counter += 1;
    names = { staging: `staging${String(counter)}`, prod: `prod${String(counter)}` };
    staging = await app.world.environment(`acme/web/${names.staging}`, owner);
    prod = await app.world.environment(`acme/web/${names.prod}`, owner);
  });

  afterAll(() => app.close());

  const promote = (body: object = {}, as: Client = asOwner) =>
    as.post(`${prod.path}/promote`, { from: names.staging, ...body });
  const values = async (env: Environment): Promise<Record<string, string>> =>
    (await asPipeline.get(`${env.path}/values?missing=omit`).expect(200)).body.values;
  const revision = async (env: Environment): Promise<number> =>
    (await asOwner.get(`${env.path}/readiness`).expect(200)).body.revision;

  it('200: copies all that have a value, as one revision, and shows none', async () => {
    await staging.secret('B', 'canary-b');
    await staging.secret('A', 'canary-a');
    await staging.secret('NONE');
    await prod.secret('A', 'canary-old');
    await prod.secret('OTHER', 'canary-other');
    const { body, text } = await promote().expect(200);
    expect(body).toEqual({ revision: 5, promoted: ['A', 'B'] });
    expect(text).not.toContain('canary');
    expect(await values(prod)).toEqual({ A: 'canary-a', B: 'canary-b', OTHER: 'canary-other' });
    expect(await values(staging)).toEqual({ A: 'canary-a', B: 'canary-b' });
    expect(await revision(prod)).toBe(5);
    expect(await revision(staging)).toBe(5);
    await asOwner.get(prod.secretPath('NONE')).expect(404);
  });

  it('200: names chooses; a name that is new in the target takes its description along', async () => {
    await asOwner
      .post(`${staging.path}/secrets`, { kind: 'Secret', name: 'NEW', description: 'Orders' })
      .expect(201);
    await asOwner.put(`${staging.secretPath('NEW')}/value`, { value: 'n' }).expect(200);
    await staging.secret('A', 'a');
    expect((await promote({ names: ['NEW'] }).expect(200)).body.promoted).toEqual(['NEW']);
    expect(await values(prod)).toEqual({ NEW: 'n' });
    expect((await asOwner.get(prod.secretPath('NEW')).expect(200)).body).toMatchObject({
      description: 'Orders',
      version: 1,
    });
  });

  it('200: a value that is there already becomes a version like any other, with the description that it had', async () => {
    await staging.secret('A', 'a');
    await prod.secret('A', 'a');
    await promote().expect(200);
    expect((await asOwner.get(prod.secretPath('A')).expect(200)).body).toMatchObject({
      version: 2,
      description: null,
    });
    const { body } = await asOwner.get(`/acme/web/diff?from=${names.staging}&to=${names.prod}`).expect(200);
    expect(body).toEqual([{ name: 'A', state: 'same' }]);
  });

  it('200: nothing to copy is no change', async () => {
    await staging.secret('NONE');
    expect((await promote().expect(200)).body).toEqual({ revision: 0, promoted: [] });
    expect(await revision(prod)).toBe(0);
  });

  it('200: is sealed anew: no ciphertext of the source stands in the target', async () => {
    await staging.secret('A', 'canary');
    await promote().expect(200);
    const { rows } = await app.sql.query<{ sealed: Buffer; data_key_id: string; fingerprint: Buffer }>(
      `select v.sealed, v.data_key_id, v.fingerprint from secret_versions v join secrets s on s.id = v.secret_id
       join environments e on e.id = s.environment_id where e.name = any($1)`,
      [[names.staging, names.prod]],
    );
    const [one, other] = rows;
    expect(rows).toHaveLength(2);
    expect(one?.sealed.equals(other?.sealed ?? Buffer.alloc(0))).toBe(false);
    expect(one?.data_key_id).not.toBe(other?.data_key_id);
    expect(one?.fingerprint).toEqual(other?.fingerprint);
  });

  it('200: stands in the trail of both environments, with direction, names and versions, and no value', async () => {
    await staging.secret('A', 'canary-1');
    await prod.secret('A', 'canary-2');
    const before = (await app.events('acme')).length;
    const { headers } = await promote({ names: ['A'] }).expect(200);
    const events = (await app.events('acme')).slice(before);
    expect(events).toMatchObject([
      {
        action: 'values.promote',
        outcome: 'allowed',
        request_id: headers['x-request-id'],
        resource: {
          environment: names.staging,
          direction: 'out',
          to: names.prod,
          secrets: [{ secret: 'A', version: 1 }],
        },
      },
      {
        action: 'values.promote',
        outcome: 'allowed',
        request_id: headers['x-request-id'],
        resource: {
          environment: names.prod,
          direction: 'in',
          from: names.staging,
          revision: 3,
          secrets: [{ secret: 'A', version: 2 }],
        },
      },
    ]);
    expect(JSON.stringify(events)).not.toContain('canary');
    for (const environment of [names.staging, names.prod]) {
      const found = await asOwner
        .get(`/orgs/acme/audit?project=web&environment=${environment}&action=values.promote`)
        .expect(200);
      expect(found.body).toHaveLength(1);
    }
  });

  it.each([
    ['no from', { from: undefined }],
    ['an empty from', { from: '' }],
    ['a number as from', { from: 7 }],
    ['no names at all', { names: [] }],
    ['null as names', { names: null }],
    ['a text as names', { names: 'A' }],
    ['a number among names', { names: ['A', 7] }],
    ['a malformed name', { names: ['not a name'] }],
    ['a name twice', { names: ['A', 'A'] }],
    ['a negative ifRevision', { ifRevision: -1 }],
    ['an unknown field', { force: true }],
  ])('400: refuses %s', async (_, body) => {
    await staging.secret('A', 'a');
    expect((await promote(body).expect(400)).body.code).toBe('invalid_request');
    expect(await revision(prod)).toBe(0);
  });

  it('400: an environment is not promoted into itself', async () => {
    const { body } = await promote({ from: names.prod }).expect(400);
    expect(body.details).toEqual([{ field: 'from', error: expect.any(String) }]);
  });

  describe('403', () => {
    it('without set-value in the target, before anything else is looked at', async () => {
      const viewer = app.as(await app.world.serviceToken(owner, 'viewer', 'acme/web'));
      const { body } = await promote({ from: 'no-such-env', names: 7 }, viewer).expect(403);
      expect(body.details).toEqual([{ permission: 'secrets:set-value' }]);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'values.promote',
        outcome: 'denied',
        resource: { environment: names.prod, permission: 'secrets:set-value' },
      });
    });

    it('without read in a source that is seen', async () => {
      await staging.secret('A', 'canary');
      await prod.secret('A');
      const setter = app.as(await app.world.serviceToken(owner, 'setter', 'acme/web'));
      const { body } = await promote({}, setter).expect(403);
      expect(body.details).toEqual([{ permission: 'secrets:read' }]);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'values.promote',
        outcome: 'denied',
        resource: { environment: names.prod, from: names.staging, permission: 'secrets:read' },
      });
      expect(await values(prod)).toEqual({});
    });

    it('without write in the target, when something has to be declared there', async () => {
      await staging.secret('A', 'a');
      await staging.secret('B', 'b');
      await prod.secret('A');
      const setter = app.as(await app.world.serviceToken(owner, 'reading-setter', 'acme/web'));
      const { body } = await promote({}, setter).expect(403);
      expect(body.details).toEqual([{ permission: 'secrets:write' }]);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        outcome: 'denied',
        resource: { permission: 'secrets:write' },
      });
      expect(await values(prod)).toEqual({});
      expect(await revision(prod)).toBe(1);
      expect((await promote({ names: ['A'] }, setter).expect(200)).body.promoted).toEqual(['A']);
    });
  });

  describe('404', () => {
    it('a source that is not seen looks like one that does not exist', async () => {
      const setter = app.as(await app.world.serviceToken(owner, 'owner', `acme/web/${names.prod}`));
      const hidden = await promote({}, setter).expect(404);
      const absent = await promote({ from: 'no-such-env' }, setter).expect(404);
      const malformed = await promote({ from: 'No such/env' }, setter).expect(404);
      expect(hidden.text).toBe(absent.text);
      expect(malformed.text).toBe(absent.text);
    });

    it('names what is not declared in the source, and changes nothing', async () => {
      await staging.secret('A', 'a');
      const { body } = await promote({ names: ['A', 'X', 'Y'] }).expect(404);
      expect(body).toMatchObject({ code: 'not_found', details: [{ name: 'X' }, { name: 'Y' }] });
      expect(await revision(prod)).toBe(0);
    });
  });

  it('409: names what has no value in the source, and changes nothing', async () => {
    await staging.secret('A', 'a');
    await staging.secret('N1');
    await staging.secret('N2');
    const { body } = await promote({ names: ['N2', 'A', 'N1'] }).expect(409);
    expect(body).toMatchObject({ code: 'no_value', details: [{ name: 'N1' }, { name: 'N2' }] });
    expect(await revision(prod)).toBe(0);
  });

  it('409: a name is not declared beside another one with its environment-variable form', async () => {
    await staging.secret('api-key', 'canary');
    await staging.secret('B', 'b');
    await prod.secret('API_KEY');
    const { body, text } = await promote().expect(409);
    expect(body).toMatchObject({ code: 'already_exists', details: [{ name: 'api-key' }] });
    expect(text).not.toContain('canary');
    expect(await values(prod)).toEqual({});
  });

  it('412: ifRevision must be the revision of the target', async () => {
    await staging.secret('A', 'a');
    expect((await promote({ ifRevision: 2 }).expect(412)).body.code).toBe('precondition_failed');
    await promote({ ifRevision: 0 }).expect(200);
  });

  it('promoting in both directions at once never waits in a circle', async () => {
    await staging.secret('A', 'a');
    await prod.secret('B', 'b');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        index % 2 === 0 ? promote() : asOwner.post(`${staging.path}/promote`, { from: names.prod }),
      ),
    );
    expect([...new Set(answers.map(({ status }) => status))]).toEqual([200]);
    expect(await values(prod)).toEqual({ A: 'a', B: 'b' });
    expect(await values(staging)).toEqual({ A: 'a', B: 'b' });
  });

  it('keeps the last 20 versions of what is promoted again and again', async () => {
    await staging.secret('A', 'a');
    for (let time = 0; time < 22; time += 1) await promote().expect(200);
    const { body } = await asOwner.get(`${prod.secretPath('A')}/versions`).expect(200);
    expect(body).toHaveLength(20);
  });
});
