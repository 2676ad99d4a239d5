import { setTimeout as pause } from 'node:timers/promises';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Listener, type Told } from '../support/listener.js';
import { createDatabase } from '../support/postgres.js';
import type { Environment, Person } from '../support/world.js';

describe('GET …/events', () => {
  let app: TestApp;
  let owner: Person;
  let asOwner: Client;
  let env: Environment;
  let viewer: { id: string; token: string };
  const listeners: Listener[] = [];
  let counter = 0;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    await app.world.environment('acme/web/default', owner);
    asOwner = app.as(owner);
    viewer = await app.world.serviceToken(owner, 'viewer', 'acme/web');
  });

  beforeEach(async () => {
    counter += 1;
    env = await app.world.environment(`acme/web/e${String(counter)}`, owner);
  });

  afterEach(() => {
    for (const listener of listeners.splice(0)) listener.close();
  });

  afterAll(() => app.close());

  async function listen(
    credential = viewer.token,
    lastEventId?: number | string,
    on = app,
  ): Promise<Listener> {
    const listener = await Listener.open(`${on.url}${env.path}/events`, credential, lastEventId);
    listeners.push(listener);
    return listener;
  }

  const set = (name: string, value: string) =>
    asOwner.put(`${env.secretPath(name)}/value`, { value }).expect(200);
  const declare = (name: string) => asOwner.post(`${env.path}/secrets`, { kind: 'Secret', name }).expect(201);
  const data = (told: readonly Told[]) => told.map((one) => one.data);

  it('200: is a stream of server-sent events that tells each revision and which secrets it changed', async () => {
    await env.secret('A', 'canary-0');
    const listener = await listen();
    expect(listener.status).toBe(200);
    expect(listener.headers['content-type']).toMatch(/^text\/event-stream\b/);
    expect(listener.headers['cache-control']).toBe('no-store');
    expect(listener.headers['x-request-id']).toMatch(/./);
    await set('A', 'canary-1');
    await listener.upTo(3);
    await declare('B');
    await listener.upTo(4);
    await asOwner
      .post(`${env.path}/changes`, {
        changes: [
          { op: 'set', name: 'B', value: 'canary-2' },
          { op: 'delete', name: 'A' },
        ],
      })
      .expect(200);
    expect(await listener.upTo(5)).toEqual([
      { event: 'revision', id: '3', data: { revision: 3, changed: ['A'] } },
      { event: 'revision', id: '4', data: { revision: 4, changed: ['B'] } },
      { event: 'revision', id: '5', data: { revision: 5, changed: ['A', 'B'] } },
    ]);
    expect(listener.text).not.toContain('canary');
  });

  it('200: tells what every kind of change does, whoever makes it', async () => {
    await env.secret('A', 'one');
    const listener = await listen();
    await set('A', 'two');
    await listener.upTo(3);
    await asOwner.put(env.secretPath('A'), { kind: 'Secret', name: 'A', description: 'd' }).expect(200);
    await listener.upTo(4);
    await asOwner.post(`${env.secretPath('A')}/rollback`, { version: 1 }).expect(200);
    await listener.upTo(5);
    await asOwner.delete(env.secretPath('A')).expect(200);
    await listener.upTo(6);
    await asOwner.post(`${env.secretPath('A')}/restore`).expect(200);
    await listener.upTo(7);
    const other = await app.world.environment(`acme/web/o${String(counter)}`, owner);
    await other.secret('A', 'three');
    await asOwner.post(`${env.path}/promote`, { from: `o${String(counter)}` }).expect(200);
    expect(data(await listener.upTo(8))).toEqual(
      [3, 4, 5, 6, 7, 8].map((revision) => ({ revision, changed: ['A'] })),
    );
  });

  it('200: says nothing of what was refused or rolled back', async () => {
    await env.secret('A', 'x');
    const listener = await listen();
    await asOwner.put(`${env.secretPath('NONE')}/value`, { value: 'x' }).expect(404);
    await asOwner.put(`${env.secretPath('A')}/value`, { value: 'x', ifVersion: 7 }).expect(412);
    await asOwner.post(`${env.path}/changes`, { changes: [{ op: 'delete', name: 'NONE' }] }).expect(409);
    await set('A', 'y');
    expect(data(await listener.upTo(3))).toEqual([{ revision: 3, changed: ['A'] }]);
  });

  it('200: tells nothing of other environments', async () => {
    const listener = await listen();
    const other = await app.world.environment(`acme/web/o${String(counter)}`, owner);
    await other.secret('ELSEWHERE', 'x');
    await declare('HERE');
    expect(data(await listener.upTo(1))).toEqual([{ revision: 1, changed: ['HERE'] }]);
  });

  it('200: goes on after the revision in Last-Event-ID, deleted secrets included', async () => {
    await env.secret('A', 'a');
    await env.secret('B', 'b');
    const first = await listen();
    await set('A', 'a2');
    const [event] = await first.upTo(5);
    first.close();
    await set('B', 'b2');
    await asOwner.delete(env.secretPath('A')).expect(200);
    const again = await listen(viewer.token, event?.id);
    expect(data(await again.upTo(7))).toEqual([
      { revision: 6, changed: ['B'] },
      { revision: 7, changed: ['A'] },
    ]);
    await declare('C');
    expect(data(await again.upTo(8)).at(-1)).toEqual({ revision: 8, changed: ['C'] });
  });

  it('200: a secret that was changed twice meanwhile stands where it was changed last, and the last revision is always told', async () => {
    await env.secret('A', 'a');
    await set('A', 'a2');
    await set('A', 'a3');
    expect(data(await (await listen(viewer.token, 2)).upTo(4))).toEqual([{ revision: 4, changed: ['A'] }]);
    expect(data(await (await listen(viewer.token, 0)).upTo(4))).toEqual([{ revision: 4, changed: ['A'] }]);
  });

  it('200: whoever knows the present revision is told nothing until the next', async () => {
    await env.secret('A', 'a');
    const listener = await listen(viewer.token, 2);
    await pause(300);
    expect(listener.told).toEqual([]);
    await set('A', 'b');
    expect(data(await listener.upTo(3))).toEqual([{ revision: 3, changed: ['A'] }]);
  });

  it('200: an id of an earlier environment of this name means that everything is news', async () => {
    await env.secret('A', 'a');
    await env.secret('B');
    const listener = await listen(viewer.token, 4_711);
    expect(data(await listener.upTo(3)).flatMap(({ changed }) => changed)).toEqual(['A', 'B']);
    await declare('C');
    expect((await listener.upTo(4)).at(-1)?.id).toBe('4');
  });

  it('200: opening is on record', async () => {
    const listener = await listen();
    expect((await app.events('acme')).at(-1)).toMatchObject({
      action: 'values.events',
      outcome: 'allowed',
      actor_type: 'service-token',
      resource: { project: 'web', environment: `e${String(counter)}` },
      request_id: listener.headers['x-request-id'],
    });
  });

  it.each(['x', '-1', '1.5', '0x10', '1 2', '9'.repeat(30)])(
    '400: refuses the Last-Event-ID %j',
    async (id) => {
      const { body } = await app
        .as(viewer.token)
        .get(`${env.path}/events`)
        .set('last-event-id', id)
        .expect(400);
      expect(body.details).toEqual([{ field: 'Last-Event-ID', error: expect.any(String) }]);
    },
  );

  it('401, 403, 404: for whoever may not read names here', async () => {
    await app.as(null).get(`${env.path}/events`).expect(401);
    await app.sql.query(
      `insert into roles select org_id, 'setter', '{secrets:set-value}', now() from org_slugs where slug = 'acme' on conflict do nothing`,
    );
    const setter = await app.world.serviceToken(owner, 'setter', 'acme/web');
    const { body } = await app.as(setter).get(`${env.path}/events`).expect(403);
    expect(body.details).toEqual([{ permission: 'secrets:read' }]);
    const elsewhere = await app.world.serviceToken(owner, 'viewer', 'acme/web/default');
    await app.as(elsewhere).get(`${env.path}/events`).expect(404);
  });

  it('loses nothing and repeats nothing while ten writers write and listeners come and go', async () => {
    const names = Array.from({ length: 10 }, (_, writer) => `W${String(writer)}`);
    for (const name of names) await declare(name);
    const steady = await listen();
    const written = new AbortController();
    const comingAndGoing = (async () => {
      const seen: Told[] = [];
      let last = 10;
      while (!written.signal.aborted) {
        const listener = await listen(viewer.token, last);
        await pause(40);
        listener.close();
        seen.push(...listener.told);
        last = Number(listener.told.at(-1)?.id ?? last);
      }
      const final = await listen(viewer.token, last);
      if (last < 110) seen.push(...(await final.upTo(110)));
      return seen;
    })();
    await Promise.all(
      names.map(async (name) => {
        for (let round = 0; round < 10; round += 1) await set(name, String(round));
      }),
    );
    written.abort();
    for (const told of [await steady.upTo(110), await comingAndGoing]) {
      const ids = told.map(({ id }) => Number(id));
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
      expect(new Set(told.flatMap((one) => one.data.changed))).toEqual(new Set(names));
      expect(ids.at(-1)).toBe(110);
    }
  });

  it('hears changes that another node makes', async () => {
    const other = await TestApp.start({
      database: { url: app.databaseUrl, drop: () => Promise.resolve() },
      rootKey: app.rootKey,
    });
    try {
      await env.secret('A', 'a');
      const listener = await listen(viewer.token, undefined, other);
      await set('A', 'b');
      expect(data(await listener.upTo(3))).toEqual([{ revision: 3, changed: ['A'] }]);
    } finally {
      await other.close();
    }
  });

  it('uses one listening connection, however many listen', async () => {
    await Promise.all(Array.from({ length: 50 }, () => listen()));
    const other = await app.world.environment(`acme/web/o${String(counter)}`, owner);
    listeners.push(await Listener.open(`${app.url}${other.path}/events`, viewer.token));
    const { rows } = await app.sql.query<{ count: number }>(
      `select count(*)::integer as count from pg_stat_activity where datname = current_database() and application_name = 'coffer-listener'`,
    );
    expect(rows).toEqual([{ count: 1 }]);
  });

  it('announces a commit only where somebody listens', async () => {
    const { rows } = await app.sql.query<{ pid: number }>('select pg_backend_pid() as pid');
    expect(rows).toHaveLength(1);
    const heard: string[] = [];
    app.sql.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await app.sql.query('listen coffer_revision');
    try {
      await declare('SILENT');
      await app.sql.query('select 1');
      expect(heard).toEqual([]);
      const listener = await listen();
      await declare('LOUD');
      await listener.upTo(2);
      await app.sql.query('select 1');
      expect(heard).toHaveLength(1);
      expect(heard[0]).toMatch(/^[0-9a-f-]{36}$/);
      listener.close();
      await pause(200);
      await declare('SILENT_AGAIN');
      await app.sql.query('select 1');
      expect(heard).toHaveLength(1);
    } finally {
      await app.sql.query('unlisten coffer_revision');
    }
  });

  it('survives the loss of every database connection, and tells what happened meanwhile', async () => {
    await env.secret('A', 'a');
    const listener = await listen();
    for (let round = 0; round < 3; round += 1) {
      const { rows } = await app.sql.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      );
      expect(rows.length).toBeGreaterThan(1);
      // The pool replaces its dead connections at their next use, which may fail once.
      let status = 0;
      while (status !== 200) {
        status = (await asOwner.put(`${env.secretPath('A')}/value`, { value: String(round) })).status;
      }
      const { body } = await asOwner.get(`${env.path}/readiness`).expect(200);
      const told = await listener.upTo(body.revision);
      expect(told.at(-1)?.data).toEqual({ revision: body.revision, changed: ['A'] });
    }
    expect(listener.endedAt).toBeNull();
  });

  describe('ends within 5 s when the right ends', () => {
    const SOON_MS = 5_000;

    async function expectEnd(listener: Listener): Promise<void> {
      const from = Date.now();
      await listener.end();
      expect((listener.endedAt ?? Infinity) - from).toBeLessThan(SOON_MS);
      const told = listener.told.length;
      await declare(`AFTER_${String(counter)}`).catch(() => undefined);
      expect(listener.told).toHaveLength(told);
    }

    it('a service token is revoked, and only its own streams end', async () => {
      const token = await app.world.serviceToken(owner, 'consumer', 'acme/web');
      const [ending, staying] = await Promise.all([listen(token.token), listen()]);
      await asOwner.delete(`/acme/web/tokens/${token.id}`).expect(204);
      await expectEnd(ending);
      expect(staying.endedAt).toBeNull();
    });

    it('a service token expires', async () => {
      const token = await app.world.serviceToken(owner, 'viewer', 'acme/web');
      const listener = await listen(token.token);
      await app.sql.query('update service_tokens set expires_at = now() where id = $1', [token.id]);
      await expectEnd(listener);
    });

    it('a session is ended', async () => {
      const { body } = await app
        .as(null)
        .post('/auth/login', { login: 'olivia', password: 'correct horse battery staple' })
        .expect(200);
      const listener = await listen(body.accessToken);
      await app
        .as(body.accessToken as string)
        .post('/auth/logout')
        .expect(204);
      await expectEnd(listener);
    });

    it('a grant is taken', async () => {
      const person = await app.world.user(`guest${String(counter)}`);
      const grant = await app.world.grant(owner, person, 'viewer', `acme/web/e${String(counter)}`);
      const listener = await listen(person.token);
      await asOwner.delete(`/orgs/acme/grants/${grant}`).expect(204);
      await expectEnd(listener);
    });

    it('a role loses the permission', async () => {
      await app.sql.query(
        `insert into roles select org_id, 'shrinking', '{secrets:read,secrets:write}', now() from org_slugs where slug = 'acme'`,
      );
      const token = await app.world.serviceToken(owner, 'shrinking', 'acme/web');
      const listener = await listen(token.token);
      await app.sql.query(`update roles set permissions = '{secrets:write}' where name = 'shrinking'`);
      await expectEnd(listener);
    });

    it('the environment is deleted, and another one of its name is made', async () => {
      const listener = await listen();
      await asOwner.delete(`/acme/web/environments/e${String(counter)}?force=true`).expect(204);
      await asOwner.post('/acme/web/environments', { name: `e${String(counter)}` }).expect(201);
      await expectEnd(listener);
    });
  });

  it('a right that ends is not recorded as a refusal: nobody asked for anything', async () => {
    const token = await app.world.serviceToken(owner, 'viewer', 'acme/web');
    const listener = await listen(token.token);
    await asOwner.delete(`/acme/web/tokens/${token.id}`).expect(204);
    const before = (await app.events('acme')).length;
    await listener.end();
    expect(await app.events('acme')).toHaveLength(before);
  });

  it('tells nothing on a right that could not be looked at, and makes up for it when it could', async () => {
    // The table of tokens locked against reading: whether the right still holds cannot be found out.
    const listener = await listen();
    await app.sql.query('begin');
    await app.sql.query('lock table service_tokens in access exclusive mode');
    try {
      await pause(6_000);
      await declare('A');
      await pause(500);
      expect(listener.told).toEqual([]);
      expect(listener.endedAt).toBeNull();
    } finally {
      await app.sql.query('rollback');
    }
    expect(data(await listener.upTo(1))).toEqual([{ revision: 1, changed: ['A'] }]);
  });

  it('sends a comment every 15 s to keep it open', async () => {
    const listener = await listen();
    const { length } = listener.comments;
    await listener.until(() => listener.comments.length > length, 'a comment', 16_000);
    await listener.until(() => listener.comments.length > length + 1, 'another comment', 16_000);
    expect(listener.told).toEqual([]);
  });

  it('cuts off who does not read, and costs the others nothing', async () => {
    const reading = await listen();
    const deaf = await listen();
    deaf.pause();
    const names = Array.from({ length: 500 }, (_, index) => `NAME_${'X'.repeat(115)}_${String(index)}`);
    const change = (op: string) =>
      asOwner.post(`${env.path}/changes`, { changes: names.map((name) => ({ op, name })) }).expect(200);
    await change('declare');
    // Some megabytes: more than the kernels on both sides and the service keep for anybody.
    for (let revision = 2; revision <= 160; revision += 1) {
      await change('describe');
      await reading.upTo(revision);
    }
    expect(reading.endedAt).toBeNull();
    deaf.resume();
    await deaf.end();
    expect(deaf.told.length).toBeLessThan(160);
  });
});

describe('event streams in a storm of guesses', () => {
  it('end with their right, although nothing else of that address is answered any more', async () => {
    const app = await TestApp.start({ config: { rateLimit: true } });
    try {
      const owner = await app.world.user('olivia');
      await app.world.org('acme', owner);
      const env = await app.world.environment('acme/web/prod', owner);
      const token = await app.world.serviceToken(owner, 'viewer', 'acme/web');
      const listener = await Listener.open(`${app.url}${env.path}/events`, token.token);
      const guess = async () => (await app.as('cofs_guessed').get('/orgs')).status;
      for (let status = 401; status === 401;) {
        status = Math.max(...(await Promise.all(Array.from({ length: 20 }, guess))));
      }
      expect(await guess()).toBe(429);
      await app.as(owner).delete(`/acme/web/tokens/${token.id}`).expect(204);
      const from = Date.now();
      await listener.end();
      expect((listener.endedAt ?? Infinity) - from).toBeLessThan(5_000);
    } finally {
      await app.close();
    }
  });
});

describe('event streams and the end of the service', () => {
  it('a service that is stopped ends its streams and does not wait for them', async () => {
    const database = await createDatabase();
    const app = await TestApp.start({ database });
    try {
      const owner = await app.world.user('olivia');
      await app.world.org('acme', owner);
      const env = await app.world.environment('acme/web/prod', owner);
      const open = await Promise.all(
        Array.from({ length: 20 }, () => Listener.open(`${app.url}${env.path}/events`, owner.token)),
      );
      const from = Date.now();
      await app.close();
      expect(Date.now() - from).toBeLessThan(5_000);
      for (const listener of open) await listener.end();
    } finally {
      await database.drop();
    }
  });
});
