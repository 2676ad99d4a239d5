import { TestApp } from '../support/app.js';
import { besides, trailOf } from '../support/trail.js';
import { PASSWORD, type Person } from '../support/world.js';

type Made = Readonly<{ id: string; token: string }>;

describe('/auth/tokens', () => {
  let app: TestApp;
  let person: Person;

  beforeAll(async () => {
    app = await TestApp.start();
  });

  afterAll(() => app.close());

  let made = 0;
  beforeEach(async () => {
    made += 1;
    person = await app.world.user(`person-${made}`);
  });

  const in_ = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

  function create(body: object, by: { token: string } = person) {
    return app.as(by).post('/auth/tokens', body);
  }

  async function token(body: object = { name: 'laptop' }): Promise<Made> {
    return (await create(body).expect(201)).body as Made;
  }

  describe('POST', () => {
    it('201: shows the token once, and it acts as the user', async () => {
      const { body } = await create({ name: 'laptop' }).expect(201);
      expect(body).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        name: 'laptop',
        token: expect.stringMatching(/^cofp_[0-9A-Za-z]{61}$/),
        expiresAt: null,
        createdAt: expect.stringMatching(/Z$/),
      });
      const me = await app
        .as(body as Made)
        .get('/auth/me')
        .expect(200);
      expect(me.body.id).toBe(person.id);
      await app
        .as(body as Made)
        .post('/orgs', { slug: `org-${made}` })
        .expect(201);
    });

    it('201 with an end, which comes back in UTC', async () => {
      const { body } = await create({ name: 'ci', expiresAt: '2040-01-31T12:00:00+02:00' }).expect(201);
      expect(body.expiresAt).toBe('2040-01-31T10:00:00.000Z');
    });

    it('keeps a SHA-256 of it only', async () => {
      const { token: text, id } = await token();
      const { rows } = await app.sql.query(
        'select *, length(hash) as bytes from personal_tokens where id = $1',
        [id],
      );
      expect(rows[0].bytes).toBe(32);
      expect(JSON.stringify(rows)).not.toContain(text.slice(27, -6));
    });

    it('stands in the user’s own trail by name and id', async () => {
      const { id } = await token({ name: 'laptop' });
      expect((await trailOf(app, person)).at(-1)).toMatchObject({
        action: 'personal-token.create',
        outcome: 'allowed',
        resource: { tokenId: id, token: 'laptop' },
      });
    });

    it.each([
      ['name', undefined],
      ['name', null],
      ['name', ''],
      ['name', '   '],
      ['name', 'x'.repeat(101)],
      ['name', 'two\nlines'],
      ['name', 7],
      ['expiresAt', null],
      ['expiresAt', ''],
      ['expiresAt', 'tomorrow'],
      ['expiresAt', '2040-01-31'],
      ['expiresAt', '2040-02-30T12:00:00Z'],
      ['expiresAt', '2020-01-31T12:00:00Z'],
      ['expiresAt', 4_102_444_800],
      ['scopes', ['*']],
    ])('400: %s may not be %j', async (field, value) => {
      const { body } = await create({ name: 'laptop', [field]: value }).expect(400);
      expect(body.details).toEqual([{ field, error: expect.any(String) }]);
    });

    it('403: a token makes none that outlives it, which is on record; a shorter one it does', async () => {
      const short = await token({ name: 'short', expiresAt: in_(3600) });
      const { body } = await create({ name: 'for ever' }, short).expect(403);
      expect(body).toEqual({ error: expect.stringContaining('expiresAt'), code: 'forbidden' });
      await create({ name: 'longer', expiresAt: in_(7200) }, short).expect(403);
      expect((await trailOf(app, person)).at(-1)).toMatchObject({
        action: 'personal-token.create',
        outcome: 'denied',
        resource: { token: 'longer', outlives: true },
      });
      await create({ name: 'shorter', expiresAt: in_(60) }, short).expect(201);
      await create({ name: 'any' }, await token()).expect(201);
    });
  });

  describe('GET', () => {
    it('200: the user’s own, the newest first, without the tokens', async () => {
      const other = await app.world.user(`${person.username}-other`);
      await create({ name: 'theirs' }, other).expect(201);
      await token({ name: 'first' });
      await token({ name: 'second' });
      const { body, text } = await app.as(person).get('/auth/tokens').expect(200);
      expect(body.map(({ name }: { name: string }) => name)).toEqual(['second', 'first']);
      expect(Object.keys(body[0] as object).sort()).toEqual([
        'createdAt',
        'expiresAt',
        'id',
        'lastUsedAt',
        'name',
      ]);
      expect(text).not.toContain('cofp_');
    });

    it('shows when each was used last', async () => {
      const laptop = await token();
      expect((await app.as(person).get('/auth/tokens')).body[0].lastUsedAt).toBeNull();
      await app.as(laptop).get('/auth/me').expect(200);
      const { body } = await app.as(person).get('/auth/tokens');
      expect(Math.abs(Date.parse(body[0].lastUsedAt as string) - Date.now())).toBeLessThan(60_000);
    });

    it('pages', async () => {
      for (const name of ['a', 'b', 'c']) await token({ name });
      const first = await app.as(person).get('/auth/tokens?limit=2').expect(200);
      const next = /^<([^>]+)>; rel="next"$/.exec(first.headers['link'] ?? '')?.[1] ?? '';
      const second = await app.as(person).get(next).expect(200);
      expect([...first.body, ...second.body].map(({ name }: { name: string }) => name)).toEqual([
        'c',
        'b',
        'a',
      ]);
      expect(second.headers['link']).toBeUndefined();
    });
  });

  describe('DELETE', () => {
    it('204: stops it at the next request, on every node', async () => {
      const other = await TestApp.start(besides(app));
      const laptop = await token();
      await other.as(laptop).get('/auth/me').expect(200);
      await app.as(person).delete(`/auth/tokens/${laptop.id}`).expect(204);
      await app.as(laptop).get('/auth/me').expect(401);
      await other.as(laptop).get('/auth/me').expect(401);
      await other.close();
      expect((await trailOf(app, person)).at(-1)).toMatchObject({
        action: 'personal-token.delete',
        resource: { tokenId: laptop.id, token: 'laptop' },
      });
    });

    it('404: somebody else’s, a deleted one and what is no id, byte for byte alike', async () => {
      const laptop = await token();
      const other = await app.world.user(`${person.username}-other`);
      const bodies: unknown[] = [];
      for (const id of [
        laptop.id,
        '7b1d8e60-a5d2-4c3b-98f7-0f4e2a5193c7',
        'x',
        '1',
        laptop.token,
        '%27',
        '%00',
      ]) {
        bodies.push((await app.as(other).delete(`/auth/tokens/${id}`).expect(404)).body);
      }
      expect(bodies).toEqual(bodies.map(() => bodies[0]));
      await app.as(laptop).get('/auth/me').expect(200);
    });
  });

  describe('as a credential', () => {
    it('401: once it has expired', async () => {
      const laptop = await token({ name: 'laptop', expiresAt: in_(3600) });
      await app.as(laptop).get('/auth/me').expect(200);
      await app.sql.query('update personal_tokens set expires_at = now() where id = $1', [laptop.id]);
      await app.as(laptop).get('/auth/me').expect(401);
    });

    it('401: with anything in it changed, cut off, added or of another kind', async () => {
      const { token: text } = await token();
      const { token: another } = await token();
      const changed = [
        text.slice(0, -1),
        `${text}0`,
        text.toLowerCase(),
        text.replace('cofp_', 'cofs_'),
        text.replace('cofp_', 'cofr_'),
        text.replace('cofp_', ''),
        text.replace('cofp_', 'COFP_'),
        'cofp_',
        text.slice(0, 27) + another.slice(27),
      ];
      for (const wrong of changed) await app.as(wrong).get('/auth/me').expect(401);
      await app.as(text).get('/auth/me').expect(200);
    });

    it('goes on after a logout, and after a change of the password', async () => {
      const laptop = await token();
      const body = { current: PASSWORD, new: `${PASSWORD} of another kind` };
      await app.as(person).put('/auth/password', body).expect(204);
      await app.as(person).post('/auth/logout').expect(204);
      await app.as(laptop).get('/auth/me').expect(200);
    });
  });
});
