import { LocalKeyProvider } from '../../src/crypto/local-key.provider.js';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import type { Person } from '../support/world.js';

const DOOR_1 = '/api/v2/users/me/secrets';
const FIRST = '/api/v2/users/secrets';
const DOOR_2 = '/api/v1/user/secrets';
const BULLETS = '\u2022\u2022\u2022\u2022';

/** A provider out of the house, which can be out of reach. */
class RemoteKeys extends LocalKeyProvider {
  reachable = true;

  override wrap(key: Uint8Array, context: string): Promise<Uint8Array> {
    return this.reachable
      ? super.wrap(key, context)
      : Promise.reject(new Error('no route to the key service'));
  }

  override unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array> {
    return this.reachable
      ? super.unwrap(wrapped, context)
      : Promise.reject(new Error('no route to the key service'));
  }
}

describe('personal secrets at rest and on record', () => {
  const keys = new RemoteKeys(Buffer.alloc(32, 7));
  let app: TestApp;
  let person: Person;
  let me: Client;
  let counter = 0;

  beforeAll(async () => {
    app = await TestApp.start({ keyProvider: keys });
  });

  beforeEach(async () => {
    counter += 1;
    person = await app.world.user(`user-${counter}`);
    me = app.as(person);
  });

  afterAll(() => app.close());

  type Event = Readonly<{
    action: string;
    outcome: string;
    actor: object;
    resource: object;
    requestId: string;
    seq: number;
  }>;

  /** The user's own trail as they see it, the oldest first, without logins and without these looks at it. */
  const trail = async (): Promise<Event[]> =>
    ((await me.get('/auth/audit').expect(200)).body as Event[])
      .filter(({ action }) => action.startsWith('personal-secret.'))
      .reverse();

  describe('sealed', () => {
    it('neither value nor mask stands in the database, plain or encoded', async () => {
      await me.post(DOOR_1, { name: 'a', value: 'canary-0123456789-end' }).expect(201);
      await me.post(DOOR_2, { name: 'B', value: 'canary-9876543210-end' }).expect(201);
      await me.patch(`${DOOR_1}/a`, { value: 'canary-abcdefghijk-end' }).expect(200);
      await me.get(`${FIRST}/a/value`).expect(200);
      const { rows: tables } = await app.sql.query<{ name: string }>(
        `select table_name as name from information_schema.tables where table_schema = 'public'`,
      );
      let dump = '';
      for (const { name } of tables) {
        const { rows } = await app.sql.query<{ line: string }>(`select t::text as line from ${name} t`);
        dump += rows.map(({ line }) => line).join('\n');
      }
      expect(dump).toContain(person.id);
      for (const text of ['canary', BULLETS]) {
        expect(dump).not.toContain(text);
        expect(dump).not.toContain(Buffer.from(text, 'utf8').toString('hex'));
        expect(dump).not.toContain(Buffer.from(text, 'utf8').toString('base64').slice(0, 7));
      }
    });

    it('nor in the log, at the most talkative level', () => {
      expect(app.log.join('\n')).not.toMatch(/canary|\u2022/);
    });

    it.each([
      [
        'in another secret of the same user',
        `sealed_value = (select sealed_value from personal_secrets where user_id = $1 and name = 'b')`,
      ],
      ['where its mask was', 'sealed_value = sealed_mask'],
      ['as the value of another version', 'version = version + 1'],
      ['with a bit flipped', 'sealed_value = set_byte(sealed_value, 40, get_byte(sealed_value, 40) # 1)'],
      ['under another key', 'sealed_value = set_byte(sealed_value, 5, get_byte(sealed_value, 5) # 1)'],
      ['cut short', `sealed_value = substring(sealed_value from 1 for 20)`],
    ])('a value does not open %s', async (_, change) => {
      for (const name of ['a', 'b']) await me.post(DOOR_1, { name, value: `canary of ${name}` }).expect(201);
      const statement = `update personal_secrets set ${change} where user_id = $1 and name = 'a'`;
      await app.sql.query(statement, [person.id]);
      const { body, text } = await me.get(`${FIRST}/a/value`).expect(500);
      expect(body).toEqual({ message: expect.any(String) });
      expect(text).not.toContain('canary');
      expect((await trail()).filter(({ action }) => action === 'personal-secret.value-get')).toEqual([]);
    });

    it('a value does not open as another user’s, under their key and in their row', async () => {
      const other = app.as(await app.world.user(`other-${counter}`));
      await me.post(DOOR_1, { name: 'a', value: 'canary of mine' }).expect(201);
      await other.post(DOOR_1, { name: 'a', value: 'canary of theirs' }).expect(201);
      await app.sql.query(
        `update personal_secrets set sealed_value = (select sealed_value from personal_secrets where user_id = $1)
         where user_id <> $1 and name = 'a'`,
        [person.id],
      );
      await other.get(`${FIRST}/a/value`).expect(500);
    });

    it('a list at door 2 opens masks and no value: it works where no value opens', async () => {
      await me.post(DOOR_2, { name: 'A', value: 'a value of some length' }).expect(201);
      await app.sql.query(`update personal_secrets set sealed_value = '\\x00' where user_id = $1`, [
        person.id,
      ]);
      const { body } = await me.get(DOOR_2).expect(200);
      expect(body.secrets[0].masked_value).toBe(`a valu${BULLETS}gth`);
      await app.sql.query(`update personal_secrets set sealed_mask = sealed_value where user_id = $1`, [
        person.id,
      ]);
      await me.get(DOOR_1).expect(200);
      expect((await me.get(DOOR_2).expect(500)).body.type).toBe('internal_error');
    });
  });

  describe('on record', () => {
    it('everything that was done, in the user’s own trail, with the request that did it', async () => {
      const ids: string[] = [];
      const done = async (
        sent: PromiseLike<{ headers: Record<string, string>; status: number }>,
      ): Promise<void> => {
        const { headers, status } = await sent;
        expect(status).toBeLessThan(300);
        ids.push(headers['x-request-id'] ?? '');
      };
      await done(me.post(DOOR_1, { name: 'a b', value: 'canary' }));
      await done(me.get(DOOR_1));
      await done(me.get(`${DOOR_1}/a%20b`));
      await done(me.patch(`${DOOR_1}/a%20b`, { description: 'x' }));
      await done(me.patch(`${DOOR_1}/a%20b`, { value: 'canary 2' }));
      await done(me.get(`${FIRST}/a%20b/value`));
      const { body } = await me.get(FIRST).expect(200);
      const { id } = body.secrets[0] as { id: string };
      await done(me.get(`${DOOR_2}/${id}`));
      await done(me.put(`${DOOR_2}/${id}`, { value: 'canary 3' }));
      await done(me.get(DOOR_2));
      await done(me.get(`${DOOR_2}/presets`));
      await done(me.delete(`${DOOR_2}/${id}`));
      await done(me.post(`${DOOR_2}/preset`, { provider: 'github', value: 'canary 4' }));
      const events = (await trail()).filter(({ requestId }) => ids.includes(requestId));
      const actor = { type: 'user', id: person.id, name: person.username };
      const secret = (version: number) => ({ secret: 'a b', version });
      expect(events.map(({ action, resource }) => [action, resource])).toEqual([
        ['personal-secret.create', secret(1)],
        ['personal-secret.list', {}],
        ['personal-secret.read', secret(1)],
        ['personal-secret.update', secret(1)],
        ['personal-secret.update', secret(2)],
        ['personal-secret.value-get', secret(2)],
        ['personal-secret.read', secret(2)],
        ['personal-secret.update', secret(3)],
        ['personal-secret.list', {}],
        ['personal-secret.list', {}],
        ['personal-secret.delete', secret(3)],
        ['personal-secret.create', { secret: 'GITHUB_TOKEN', version: 1 }],
      ]);
      expect(events.map(({ requestId }) => requestId)).toEqual(ids);
      expect(events.every(({ outcome }) => outcome === 'allowed')).toBe(true);
      for (const event of events) expect(event.actor).toEqual(actor);
      expect(JSON.stringify(await trail())).not.toContain('canary');
    });

    it('found by the name of the secret, however long', async () => {
      const name = '🔑'.repeat(255);
      await me.post(DOOR_1, { name, value: 'v' }).expect(201);
      await me.post(DOOR_1, { name: 'other', value: 'v' }).expect(201);
      const { body } = await me.get(`/auth/audit?secret=${encodeURIComponent(name)}`).expect(200);
      expect(body.map(({ resource }: Event) => resource)).toEqual([{ secret: name, version: 1 }]);
    });

    it('nothing of it in anybody else’s trail', async () => {
      const other = app.as(await app.world.user(`other-${counter}`));
      await me.post(DOOR_1, { name: 'a', value: 'v' }).expect(201);
      expect((await other.get('/auth/audit').expect(200)).text).not.toContain('personal-secret');
      const { rows } = await app.sql.query(`select 1 from org_events where action like 'personal-secret%'`);
      expect(rows).toEqual([]);
    });

    it('what failed changed nothing and is not told as done', async () => {
      await me.post(DOOR_1, { name: 'a', value: 'v' }).expect(201);
      await me.post(DOOR_1, { name: 'a', value: 'v' }).expect(409);
      await me.patch(`${DOOR_1}/b`, { value: 'v' }).expect(404);
      await me.delete(`${DOOR_1}/b`).expect(404);
      expect((await trail()).map(({ action }) => action)).toEqual(['personal-secret.create']);
    });

    it('without its record nothing changes and no value leaves: 503, in each door’s envelope', async () => {
      await me.post(DOOR_1, { name: 'a', value: 'canary' }).expect(201);
      await app.sql.query('revoke insert on user_events from coffer_app');
      try {
        const { body, headers, text } = await me.get(`${FIRST}/a/value`).expect(503);
        expect(body).toEqual({ message: expect.any(String) });
        expect(Number(headers['retry-after'])).toBeGreaterThan(0);
        expect(text).not.toContain('canary');
        await me.patch(`${DOOR_1}/a`, { value: 'changed' }).expect(503);
        await me.delete(`${DOOR_1}/a`).expect(503);
        expect((await me.post(DOOR_2, { name: 'B', value: 'v' }).expect(503)).body).toEqual({
          code: 503,
          detail: expect.any(String),
          type: 'unavailable_error',
        });
      } finally {
        await app.sql.query('grant insert on user_events to coffer_app');
      }
      expect((await me.get(`${FIRST}/a/value`).expect(200)).body).toEqual({ value: 'canary' });
      expect((await me.get(DOOR_1).expect(200)).body).toHaveLength(1);
    });
  });

  it('503 while the key provider cannot be reached, and the first use afterwards succeeds', async () => {
    keys.reachable = false;
    try {
      expect((await me.post(DOOR_1, { name: 'a', value: 'v' }).expect(503)).body).toEqual({
        message: expect.any(String),
      });
      expect((await me.get(DOOR_2).expect(503)).body.type).toBe('unavailable_error');
      // What needs no key needs no provider.
      await me.get(DOOR_1).expect(200);
    } finally {
      keys.reachable = true;
    }
    await me.post(DOOR_1, { name: 'a', value: 'v' }).expect(201);
    expect((await me.get(`${FIRST}/a/value`).expect(200)).body).toEqual({ value: 'v' });
  });
});
