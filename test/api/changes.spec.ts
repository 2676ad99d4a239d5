import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import type { Environment, Person } from '../support/world.js';

type Step = Readonly<Record<string, unknown>>;

describe('POST …/changes', () => {
  let app: TestApp;
  let owner: Person;
  let member: Person;
  let env: Environment;
  let asOwner: Client;
  let asMember: Client;
  let asSetter: Client;
  let asPipeline: Client;
  let counter = 0;

  beforeAll(async () => {
    app = await TestApp.start();
    const { world } = app;
    owner = await world.user('olivia');
    member = await world.user('marco');
    await world.org('acme', owner);
    await world.environment('acme/web/default', owner);
    asOwner = app.as(owner);
    await world.grant(owner, member, 'member', 'acme');
    asMember = app.as(member);
    await app.sql.query(
      `insert into roles select org_id, 'setter', '{secrets:set-value}', now() from org_slugs where slug = 'acme'`,
    );
    asSetter = app.as(await world.serviceToken(owner, 'setter', 'acme/web'));
    asPipeline = app.as(await world.serviceToken(owner, 'consumer', 'acme/web'));
  });

  beforeEach(async () => {
    counter += 1;
    env = await app.world.environment(`acme/web/c${String(counter)}`, owner);
  });

  afterAll(() => app.close());

  const change = (changes: unknown, more: object = {}, as = asOwner) =>
    as.post(`${env.path}/changes`, { changes, ...more });
  const values = async (): Promise<Record<string, string>> =>
    (await asPipeline.get(`${env.path}/values?missing=omit`).expect(200)).body.values;
  const revision = async (): Promise<number> =>
    (await asOwner.get(`${env.path}/readiness`).expect(200)).body.revision;
  const secret = async (name: string) => (await asOwner.get(env.secretPath(name)).expect(200)).body;

  describe('200', () => {
    it('declares, describes, sets and deletes in one revision', async () => {
      await env.secret('OLD', 'old');
      await env.secret('KEPT', 'one');
      const { body, headers } = await change([
        { op: 'declare', name: 'NEW', description: 'Fresh' },
        { op: 'set', name: 'NEW', value: 'new' },
        { op: 'set', name: 'KEPT', value: 'two' },
        { op: 'describe', name: 'KEPT', description: 'Kept' },
        { op: 'delete', name: 'OLD' },
        { op: 'declare', name: 'EMPTY' },
      ]).expect(200);
      expect(body).toEqual({ revision: 5, applied: 6 });
      expect(headers['cache-control']).toBe('no-store');
      expect(await values()).toEqual({ KEPT: 'two', NEW: 'new' });
      expect(await secret('NEW')).toMatchObject({ description: 'Fresh', version: 1, hasValue: true });
      expect(await secret('KEPT')).toMatchObject({ description: 'Kept', version: 2 });
      expect(await secret('EMPTY')).toMatchObject({ description: null, hasValue: false, version: null });
      await asOwner.get(env.secretPath('OLD')).expect(404);
      expect(await revision()).toBe(5);
    });

    it('applies each change on what the ones before it left behind', async () => {
      await env.secret('A', 'first life');
      await change([
        { op: 'delete', name: 'A' },
        { op: 'declare', name: 'a', description: 'second life' },
        { op: 'set', name: 'a', value: 'one' },
        { op: 'set', name: 'a', value: 'two' },
        { op: 'describe', name: 'a' },
        { op: 'declare', name: 'GONE' },
        { op: 'delete', name: 'GONE' },
        { op: 'declare', name: 'GONE' },
      ]).expect(200);
      expect(await values()).toEqual({ a: 'two' });
      expect(await secret('a')).toMatchObject({ description: null, version: 2 });
      const { body } = await asOwner.get(`${env.secretPath('a')}/versions`).expect(200);
      expect(body.map(({ version, current }: Step) => [version, current])).toEqual([
        [2, true],
        [1, false],
      ]);
      expect((await asPipeline.get(`${env.secretPath('a')}/value?version=1`).expect(200)).body.value).toBe(
        'one',
      );
    });

    it('a deleted secret can be restored with the versions that it had', async () => {
      await env.secret('A', 'one');
      await change([
        { op: 'set', name: 'A', value: 'two' },
        { op: 'delete', name: 'A' },
      ]).expect(200);
      await asOwner.post(`${env.secretPath('A')}/restore`).expect(200);
      expect(await values()).toEqual({ A: 'two' });
      expect((await asPipeline.get(`${env.secretPath('A')}/value?version=1`).expect(200)).body.value).toBe(
        'one',
      );
    });

    it('takes every value that a single set takes, byte for byte', async () => {
      const odd = ['', ' ', '\r\n', '"{}\\', '🔑é', ',', 'NULL', '\u0001', 'x'.repeat(65_536)];
      await change(
        odd.flatMap((value, index) => [
          { op: 'declare', name: `V${String(index)}` },
          { op: 'set', name: `V${String(index)}`, value },
        ]),
      ).expect(200);
      expect(await values()).toEqual(
        Object.fromEntries(odd.map((value, index) => [`V${String(index)}`, value])),
      );
    });

    it('takes 500 changes', async () => {
      const steps = Array.from({ length: 250 }, (_, index) => [
        { op: 'declare', name: `S${String(index)}` },
        { op: 'set', name: `S${String(index)}`, value: `v${String(index)}` },
      ]).flat();
      expect((await change(steps).expect(200)).body).toEqual({ revision: 1, applied: 500 });
      expect(Object.keys(await values())).toHaveLength(250);
    });

    it('keeps the last 20 versions, however many one request sets', async () => {
      await env.secret('A', 'v1');
      const steps = Array.from({ length: 24 }, (_, index) => ({
        op: 'set',
        name: 'A',
        value: `v${String(index + 2)}`,
      }));
      await change(steps).expect(200);
      const { body } = await asOwner.get(`${env.secretPath('A')}/versions`).expect(200);
      expect(body.map(({ version }: Step) => version)).toEqual(Array.from({ length: 20 }, (_, i) => 25 - i));
      expect(await values()).toEqual({ A: 'v25' });
    });

    it('writes one record that names every secret, what was done to it and its version, and no value', async () => {
      await env.secret('A', 'canary-0');
      const before = (await app.events('acme')).length;
      const { headers } = await change([
        { op: 'declare', name: 'B', description: 'canary-d' },
        { op: 'set', name: 'B', value: 'canary-1' },
        { op: 'set', name: 'A', value: 'canary-2' },
        { op: 'delete', name: 'A' },
      ]).expect(200);
      const events = await app.events('acme');
      expect(events).toHaveLength(before + 1);
      expect(events.at(-1)).toMatchObject({
        action: 'values.changes',
        outcome: 'allowed',
        actor_name: 'olivia',
        request_id: headers['x-request-id'],
        resource: {
          project: 'web',
          environment: `c${String(counter)}`,
          revision: 3,
          secrets: [
            { secret: 'B', op: 'declare' },
            { secret: 'B', op: 'set', version: 1 },
            { secret: 'A', op: 'set', version: 2 },
            { secret: 'A', op: 'delete' },
          ],
        },
      });
      expect(JSON.stringify(events.at(-1))).not.toContain('canary');
      const found = await asOwner.get('/orgs/acme/audit?secret=B&action=values.changes').expect(200);
      expect(found.body[0].requestId).toBe(headers['x-request-id']);
    });

    it('the ETag of a secret changes with it, and that of the others does not', async () => {
      await env.secret('A', 'a');
      await env.secret('B', 'b');
      const tag = async (name: string) =>
        (await asOwner.get(env.secretPath(name)).expect(200)).headers['etag'];
      const [a, b] = [await tag('A'), await tag('B')];
      await change([{ op: 'set', name: 'A', value: 'new' }]).expect(200);
      expect(await tag('A')).not.toBe(a);
      expect(await tag('B')).toBe(b);
    });
  });

  describe('400', () => {
    it.each([
      ['no list', 'A'],
      ['nothing', undefined],
      ['null', null],
      ['an object', { op: 'delete', name: 'A' }],
      ['an empty list', []],
      ['501 changes', Array.from({ length: 501 }, () => ({ op: 'delete', name: 'A' }))],
    ])('refuses %s', async (_, changes) => {
      const { body } = await change(changes).expect(400);
      expect(body).toMatchObject({ code: 'invalid_request', details: [{ field: 'changes' }] });
    });

    it.each([[[]], [null], ['x'], [7]])('refuses the body %j', async (raw) => {
      const sent = asOwner.post(`${env.path}/changes`).set('content-type', 'application/json');
      expect((await sent.send(JSON.stringify(raw)).expect(400)).body.code).toBe('invalid_request');
    });

    it('tells all that is wrong at once, by index and name, and no value', async () => {
      await env.secret('A', 'a');
      const { body, text } = await change(
        [
          { op: 'set', name: 'A', value: 'canary-fine' },
          { op: 'set', name: 'A' },
          { op: 'set', name: 'A', value: 7 },
          { op: 'set', name: 'A', value: 'canary\0' },
          { op: 'set', name: 'A', value: 'canary', description: 'x' },
          { op: 'declare', name: 'B', value: 'canary' },
          { op: 'describe', name: 'A', description: 7 },
          { op: 'delete', name: 'A', description: null },
          { op: 'rename', name: 'A' },
          { op: '__proto__', name: 'A' },
          { name: 'A' },
          { op: 'delete' },
          { op: 'declare', name: 'not a name canary' },
          { op: 'declare', name: 'PATH' },
          { op: 'delete', name: 'A', extra: 'canary' },
          'canary',
          null,
          { op: 'declare', name: 'B', description: '🔑'.repeat(1025) },
          { op: 'set', name: '1', value: 'é'.repeat(40_000) },
        ],
        { ifRevision: -1, dryRun: true },
      ).expect(400);
      expect(body.code).toBe('invalid_request');
      const fields = body.details.filter((detail: Step) => 'field' in detail);
      expect(fields.map(({ field }: Step) => field).sort()).toEqual(['dryRun', 'ifRevision']);
      const steps = body.details.filter((detail: Step) => 'index' in detail);
      expect([...new Set(steps.map(({ index }: Step) => index))]).toEqual(
        Array.from({ length: 18 }, (_, i) => i + 1),
      );
      expect(steps).toContainEqual({ index: 1, name: 'A', error: expect.any(String) });
      expect(steps.filter(({ index }: Step) => index === 18)).toEqual([
        { index: 18, name: null, error: expect.any(String) },
        { index: 18, name: null, error: expect.any(String) },
      ]);
      expect(text).not.toContain('canary');
      expect(await values()).toEqual({ A: 'a' });
      expect(await revision()).toBe(2);
    });

    it('refuses a lone surrogate in a value and in a description', async () => {
      const sent = asOwner.post(`${env.path}/changes`).set('content-type', 'application/json');
      const { body } = await sent
        .send(
          '{"changes":[{"op":"set","name":"A","value":"\\ud800"},{"op":"declare","name":"A","description":"\\udc00"}]}',
        )
        .expect(400);
      expect(body.details.map(({ index }: Step) => index)).toEqual([0, 1]);
    });

    it.each(['', 'a b', 'é', 'x'.repeat(256)])('refuses the Idempotency-Key %j', async (key) => {
      const answer = await change([{ op: 'declare', name: 'A' }]).set(
        'idempotency-key',
        Buffer.from(key, 'utf8').toString('latin1'),
      );
      expect(answer.status).toBe(400);
      expect(answer.body.details).toEqual([{ field: 'Idempotency-Key', error: expect.any(String) }]);
    });
  });

  it('413: a body of more than 8 MiB, while one of more than 1 MiB is taken', async () => {
    const steps = (count: number) =>
      Array.from({ length: count }, (_, index) => [
        { op: 'declare', name: `L${String(index)}` },
        { op: 'set', name: `L${String(index)}`, value: 'x'.repeat(65_000) },
      ]).flat();
    await change(steps(20)).expect(200);
    expect((await change(steps(140)).expect(413)).body.code).toBe('too_large');
  });

  describe('403', () => {
    it.each([
      ['a member sets', 'set', 'secrets:set-value', () => asMember],
      ['a setter declares', 'declare', 'secrets:write', () => asSetter],
      ['a setter describes', 'describe', 'secrets:write', () => asSetter],
      ['a setter deletes', 'delete', 'secrets:write', () => asSetter],
    ])('%s: names the permission, applies nothing, and is on record', async (_, op, permission, as) => {
      await env.secret('A', 'canary');
      const steps = [
        { op, name: 'A', ...(op === 'set' ? { value: 'canary' } : {}) },
        { op: op === 'set' ? 'describe' : 'set', name: 'A', ...(op === 'set' ? {} : { value: 'canary' }) },
      ];
      const { body, text } = await change(steps, {}, as()).expect(403);
      expect(body).toMatchObject({ code: 'forbidden', details: [{ permission }] });
      expect(body.error).toContain(permission);
      expect(text).not.toContain('canary');
      const event = (await app.events('acme')).at(-1);
      expect(event).toMatchObject({
        action: 'values.changes',
        outcome: 'denied',
        resource: { project: 'web', environment: `c${String(counter)}`, permission },
      });
      expect(JSON.stringify(event)).not.toContain('canary');
      expect(await revision()).toBe(2);
    });

    it('names both permissions to whoever has neither', async () => {
      const steps = [
        { op: 'declare', name: 'A' },
        { op: 'set', name: 'A', value: 'x' },
      ];
      const { body } = await change(steps, {}, asPipeline).expect(403);
      expect(body.details).toEqual([{ permission: 'secrets:write' }, { permission: 'secrets:set-value' }]);
      expect((await app.events('acme')).at(-1)?.resource).toMatchObject({
        permissions: ['secrets:write', 'secrets:set-value'],
      });
    });

    it('comes before whatever is wrong with the body, and before the secret is looked for', async () => {
      await change([{ op: 'set', name: 'NOT_DECLARED', value: 'x' }], {}, asMember).expect(403);
      await change([{ op: 'set', name: 7, value: 7 }], {}, asMember).expect(403);
      await change('nonsense', {}, asPipeline).expect(403);
      await change([], {}, asPipeline).expect(403);
      await change([{ op: 'nonsense' }], {}, asPipeline).expect(403);
      await change('nonsense', {}, asMember).expect(400);
    });

    it('each may do what they hold the permission for', async () => {
      await env.secret('A', 'a');
      await change([{ op: 'declare', name: 'B' }], {}, asMember).expect(200);
      await change([{ op: 'set', name: 'B', value: 'b' }], {}, asSetter).expect(200);
      expect(await values()).toEqual({ A: 'a', B: 'b' });
    });
  });

  it('404: where the environment is not seen, with the same bytes as where there is none', async () => {
    const stranger = app.as(await app.world.user(`stranger${String(counter)}`));
    const steps = [{ op: 'declare', name: 'A' }];
    const hidden = await change(steps, {}, stranger).expect(404);
    const absent = await stranger.post('/acme/web/envs/no-such-env/changes', { changes: steps }).expect(404);
    expect(hidden.text).toBe(absent.text);
  });

  describe('409', () => {
    it('names every change on what is not declared, and applies nothing', async () => {
      await env.secret('A', 'a');
      const { body } = await change([
        { op: 'set', name: 'A', value: 'canary' },
        { op: 'set', name: 'X', value: 'canary' },
        { op: 'describe', name: 'Y' },
        { op: 'declare', name: 'A' },
        { op: 'delete', name: 'A' },
        { op: 'delete', name: 'A' },
        { op: 'set', name: 'a', value: 'canary' },
      ]).expect(409);
      expect(body.code).toBe('conflict');
      expect(body.details.map(({ index, name }: Step) => [index, name])).toEqual([
        [1, 'X'],
        [2, 'Y'],
        [3, 'A'],
        [5, 'A'],
        [6, 'a'],
      ]);
      expect(JSON.stringify(body)).not.toContain('canary');
      expect(await values()).toEqual({ A: 'a' });
      expect(await revision()).toBe(2);
    });

    it('names are declared once, in any spelling with the same environment-variable form', async () => {
      await env.secret('api-key');
      const { body } = await change([
        { op: 'declare', name: 'NEW' },
        { op: 'declare', name: 'API_KEY' },
        { op: 'declare', name: 'new' },
      ]).expect(409);
      expect(body.code).toBe('already_exists');
      expect(body.details.map(({ index, name }: Step) => [index, name])).toEqual([
        [1, 'API_KEY'],
        [2, 'new'],
      ]);
      await asOwner.get(env.secretPath('NEW')).expect(404);
    });
  });

  it('412: ifRevision must be the environment’s revision', async () => {
    await env.secret('A');
    const steps = [{ op: 'set', name: 'A', value: 'x' }];
    expect((await change(steps, { ifRevision: 0 }).expect(412)).body.code).toBe('precondition_failed');
    expect((await change(steps, { ifRevision: 1 }).expect(200)).body.revision).toBe(2);
    await change(steps, { ifRevision: 1 }).expect(412);
  });

  it('of 16 writers with the same ifRevision one wins', async () => {
    await env.secret('A');
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, writer) =>
        change([{ op: 'set', name: 'A', value: String(writer) }], { ifRevision: 1 }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(15).fill(412)]);
    expect(await secret('A')).toMatchObject({ version: 1 });
  });

  describe('Idempotency-Key', () => {
    const under = (key: string, changes: unknown, more: object = {}, as = asOwner) =>
      change(changes, more, as).set('idempotency-key', key);
    const SET = [{ op: 'set', name: 'A', value: 'one' }];

    it('200: the same request again is answered as the first time, and not done again', async () => {
      await env.secret('A');
      const first = await under('key-1', SET, { ifRevision: 1 }).expect(200);
      await change([{ op: 'set', name: 'A', value: 'later' }]).expect(200);
      const again = await under('key-1', SET, { ifRevision: 1 }).expect(200);
      expect(again.text).toBe(first.text);
      expect(await secret('A')).toMatchObject({ version: 2 });
      expect(await values()).toEqual({ A: 'later' });
    });

    it('409: another request under the same key', async () => {
      await env.secret('A');
      await under('key-2', SET).expect(200);
      for (const [changes, more] of [
        [[{ op: 'set', name: 'A', value: 'two' }], {}],
        [SET, { ifRevision: 2 }],
        [[...SET, ...SET], {}],
      ] as const) {
        expect((await under('key-2', changes, more).expect(409)).body.code).toBe('conflict');
      }
      expect(await secret('A')).toMatchObject({ version: 1 });
    });

    it('100 parallel posts of one key make one change, and are all answered alike', async () => {
      await env.secret('A');
      const answers = await Promise.all(Array.from({ length: 100 }, () => under('key-3', SET)));
      expect(new Set(answers.map(({ status, text }) => `${String(status)} ${text}`))).toEqual(
        new Set(['200 {"revision":2,"applied":1}']),
      );
      expect(await secret('A')).toMatchObject({ version: 1 });
      expect(await revision()).toBe(2);
      const made = (await app.events('acme')).filter(
        ({ action, resource }) =>
          action === 'values.changes' && resource['environment'] === `c${String(counter)}`,
      );
      expect(made).toHaveLength(1);
    });

    it('the answer is there after a kill between the commit and the answer', async () => {
      await env.secret('A');
      // What is left of it then: the row, committed with the changes, and nobody who got the answer.
      const lost = await under('key-4', SET).expect(200);
      const again = await TestApp.start({
        database: { url: app.databaseUrl, drop: () => Promise.resolve() },
        rootKey: app.rootKey,
      });
      try {
        const answer = await again
          .as(owner)
          .post(`${env.path}/changes`, { changes: SET })
          .set('idempotency-key', 'key-4');
        expect([answer.status, answer.text]).toEqual([200, lost.text]);
      } finally {
        await again.close();
      }
    });

    it('a refused request leaves its key free', async () => {
      await under('key-5', SET).expect(409);
      await env.secret('A');
      await under('key-5', SET).expect(200);
    });

    it('belongs to its caller and its environment', async () => {
      await env.secret('A');
      await under('key-6', SET).expect(200);
      await under('key-6', [{ op: 'set', name: 'A', value: 'two' }], {}, asSetter).expect(200);
      const other = await app.world.environment(`acme/web/o${String(counter)}`, owner);
      await other.secret('A');
      await asOwner
        .post(`${other.path}/changes`, { changes: SET })
        .set('idempotency-key', 'key-6')
        .expect(200);
      expect(await secret('A')).toMatchObject({ version: 2 });
    });

    it('needs the permission again, whatever the answer was', async () => {
      await env.secret('A');
      await under('key-7', SET).expect(200);
      await under('key-7', SET, {}, asMember).expect(403);
    });

    it('is forgotten after a day', async () => {
      await env.secret('A');
      await under('key-8', SET).expect(200);
      await app.sql.query(`update idempotent_changes set created_at = now() - interval '25 hours'`);
      expect((await under('key-8', SET).expect(200)).body.revision).toBe(3);
      await under('key-9', SET).expect(200);
      const { rows } = await app.sql.query<{ key: string }>(
        `select key from idempotent_changes where environment_id = (select id from environments where name = $1)`,
        [`c${String(counter)}`],
      );
      expect(rows.map(({ key }) => key).sort()).toEqual(['key-8', 'key-9']);
    });

    it('keeps no value, and no digest that could be guessed from one', async () => {
      await env.secret('A');
      const value = 'canary-idempotent';
      await under('key-10', [{ op: 'set', name: 'A', value }]).expect(200);
      const { rows } = await app.sql.query('select * from idempotent_changes where key = $1', ['key-10']);
      expect(JSON.stringify(rows)).not.toContain('canary');
      const { rows: digests } = await app.sql.query<{ plain: boolean }>(
        `select body_digest = sha256(convert_to($1, 'UTF8')) as plain from idempotent_changes where key = 'key-10'`,
        [JSON.stringify({ changes: [{ op: 'set', name: 'A', value }] })],
      );
      expect(digests).toEqual([{ plain: false }]);
    });
  });

  it('a bundle that is read while ten writers change five keys each never sees half of a change', async () => {
    const names = (writer: number) =>
      Array.from({ length: 5 }, (_, key) => `W${String(writer)}_${String(key)}`);
    await change(
      Array.from({ length: 10 }, (_, writer) => names(writer))
        .flat()
        .map((name) => ({ op: 'declare', name })),
    ).expect(200);
    const setAll = (writer: number, round: number) =>
      change(names(writer).map((name) => ({ op: 'set', name, value: `${String(writer)}:${String(round)}` })));
    for (let writer = 0; writer < 10; writer += 1) await setAll(writer, 0).expect(200);

    let isWriting = true;
    const revisions = new Map<number, string>();
    const reading = Array.from({ length: 4 }, async () => {
      let reads = 0;
      while (isWriting) {
        const { body } = await asPipeline.get(`${env.path}/values`).expect(200);
        for (let writer = 0; writer < 10; writer += 1) {
          const rounds = new Set(names(writer).map((name) => body.values[name]));
          expect(rounds.size).toBe(1);
        }
        const seen = JSON.stringify(body.values);
        expect(revisions.get(body.revision) ?? seen).toBe(seen);
        revisions.set(body.revision, seen);
        reads += 1;
      }
      return reads;
    });
    await Promise.all(
      Array.from({ length: 10 }, async (_, writer) => {
        for (let round = 1; round <= 6; round += 1) await setAll(writer, round).expect(200);
      }),
    );
    isWriting = false;
    const reads = await Promise.all(reading);
    expect(Math.min(...reads)).toBeGreaterThan(0);
    expect(revisions.size).toBeGreaterThan(1);
    expect(await revision()).toBe(1 + 10 + 60);
  });
});
