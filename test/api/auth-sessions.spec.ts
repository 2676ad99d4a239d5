import { TestApp } from '../support/app.js';
import { besides, trailOf } from '../support/trail.js';
import { PASSWORD, type Person } from '../support/world.js';

type Session = Readonly<{ accessToken: string; refreshToken: string }>;
type Listed = Readonly<{ id: string; current: boolean; userAgent: string }>;

describe('sessions', () => {
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

  async function logIn(userAgent = 'cli/1'): Promise<Session> {
    const { body } = await app
      .as(null)
      .post('/auth/login', { login: person.username, password: PASSWORD })
      .set('user-agent', userAgent)
      .expect(200);
    return body as Session;
  }

  function refresh(refreshToken: unknown, at = app) {
    return at.as(null).post('/auth/refresh', { refreshToken });
  }

  async function listed(credential: string): Promise<Listed[]> {
    const { body } = await app.as(credential).get('/auth/sessions').expect(200);
    return body as Listed[];
  }

  async function currentId(credential: string): Promise<string> {
    const current = (await listed(credential)).find((session) => session.current);
    return current?.id ?? '';
  }

  describe('POST /auth/refresh', () => {
    it('200: gives a new pair; the access token of before goes on for its quarter of an hour', async () => {
      const first = await logIn();
      const { body } = await refresh(first.refreshToken).expect(200);
      expect(body).toMatchObject({
        tokenType: 'Bearer',
        expiresIn: 900,
        user: { username: person.username },
      });
      expect(body.refreshToken).not.toBe(first.refreshToken);
      expect(body.accessToken).not.toBe(first.accessToken);
      await app
        .as(body.accessToken as string)
        .get('/auth/me')
        .expect(200);
      await app.as(first.accessToken).get('/auth/me').expect(200);
    });

    it('keeps the session the same, and makes it live on', async () => {
      const first = await logIn();
      const id = await currentId(first.accessToken);
      await app.sql.query(`update sessions set expires_at = now() + interval '1 minute' where id = $1`, [id]);
      const { body } = await refresh(first.refreshToken).expect(200);
      const { rows } = await app.sql.query(
        `select expires_at > now() + interval '29 days' as lives_on from sessions where id = $1`,
        [id],
      );
      expect(rows).toEqual([{ lives_on: true }]);
      expect(await currentId(body.accessToken as string)).toBe(id);
    });

    it('401: a used token that comes back ends the whole session, and it is on record', async () => {
      const first = await logIn();
      const id = await currentId(first.accessToken);
      const { body: second } = await refresh(first.refreshToken).expect(200);
      await refresh(first.refreshToken).expect(401);
      await refresh(second.refreshToken).expect(401);
      await app.as(first.accessToken).get('/auth/me').expect(401);
      await app
        .as(second.accessToken as string)
        .get('/auth/me')
        .expect(401);
      expect((await trailOf(app, person)).at(-1)).toMatchObject({
        action: 'session.refresh',
        outcome: 'denied',
        resource: { session: id, reused: true },
      });
      await app.as(person).get('/auth/me').expect(200);
    });

    it('has exactly one winner among ten that come with one token at once, on two nodes', async () => {
      const other = await TestApp.start(besides(app));
      const { refreshToken } = await logIn();
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, index) => refresh(refreshToken, index % 2 === 0 ? app : other)),
      );
      await other.close();
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(9);
    });

    it('401: one answer for every other credential and for what is none', async () => {
      const session = await logIn();
      const { body: made } = await app.as(person).post('/auth/tokens', { name: 'laptop' }).expect(201);
      const last = session.refreshToken.at(-1) === '0' ? '1' : '0';
      const answers: unknown[] = [];
      for (const wrong of [
        '',
        'x',
        session.accessToken,
        made.token as string,
        `${session.refreshToken.slice(0, -1)}${last}`,
        session.refreshToken.toUpperCase(),
        `${session.refreshToken} `,
      ]) {
        answers.push((await refresh(wrong).expect(401)).body);
      }
      expect(answers).toEqual(answers.map(() => answers[0]));
      await refresh(session.refreshToken).expect(200);
    });

    it('401: a session that ran out is neither used nor refreshed', async () => {
      const session = await logIn();
      const id = await currentId(session.accessToken);
      await app.sql.query(
        `update sessions set created_at = now() - interval '30 days', expires_at = now() where id = $1`,
        [id],
      );
      await app.as(session.accessToken).get('/auth/me').expect(401);
      await refresh(session.refreshToken).expect(401);
      expect((await listed(person.token)).map((one) => one.id)).not.toContain(id);
      await logIn();
      const { rows } = await app.sql.query('select 1 from sessions where id = $1', [id]);
      expect(rows).toEqual([]);
    });

    it.each([null, 7, [], {}])('400: %j is no refresh token', async (value) => {
      const { body } = await refresh(value).expect(400);
      expect(body.details).toEqual([{ field: 'refreshToken', error: expect.any(String) }]);
    });

    it('is no credential: a refresh token opens no route', async () => {
      const { refreshToken } = await logIn();
      await app.as(refreshToken).get('/auth/me').expect(401);
    });
  });

  describe('POST /auth/logout', () => {
    it('204: stops the access token and the refresh token at once, on every node, and no other session', async () => {
      const other = await TestApp.start(besides(app));
      const session = await logIn();
      await other.as(session.accessToken).get('/auth/me').expect(200);
      const { text } = await app.as(session.accessToken).post('/auth/logout').expect(204);
      expect(text).toBe('');
      await app.as(session.accessToken).get('/auth/me').expect(401);
      await other.as(session.accessToken).get('/auth/me').expect(401);
      await refresh(session.refreshToken, other).expect(401);
      await app.as(session.accessToken).post('/auth/logout').expect(401);
      await app.as(person).get('/auth/me').expect(200);
      await other.close();
      expect((await trailOf(app, person)).at(-1)).toMatchObject({
        action: 'user.logout',
        outcome: 'allowed',
      });
    });

    it('400: a personal token has no session to end, and goes on', async () => {
      const { body: made } = await app.as(person).post('/auth/tokens', { name: 'laptop' }).expect(201);
      const { body } = await app
        .as(made as { token: string })
        .post('/auth/logout')
        .expect(400);
      expect(body.error).toContain('/auth/tokens');
      await app
        .as(made as { token: string })
        .get('/auth/me')
        .expect(200);
    });
  });

  describe('GET /auth/sessions', () => {
    it('200: the user’s own, the newest first, and which one asks', async () => {
      const session = await logIn('laptop/2');
      const { body } = await app.as(session.accessToken).get('/auth/sessions').expect(200);
      expect(body).toHaveLength(2);
      expect(body[0]).toEqual({
        id: expect.any(String),
        createdAt: expect.stringMatching(/Z$/),
        lastUsedAt: expect.stringMatching(/Z$/),
        expiresAt: expect.stringMatching(/Z$/),
        ip: '127.0.0.1',
        userAgent: 'laptop/2',
        current: true,
      });
      expect(body[1].current).toBe(false);
    });

    it('pages, and refuses a cursor that it did not make', async () => {
      for (let index = 0; index < 4; index += 1) await logIn();
      const all = (await listed(person.token)).map(({ id }) => id);
      const seen: string[] = [];
      let path: string | undefined = '/auth/sessions?limit=2';
      while (path !== undefined) {
        const answer: { body: Listed[]; headers: Record<string, string> } = await app
          .as(person)
          .get(path)
          .expect(200);
        seen.push(...answer.body.map(({ id }) => id));
        path = /^<([^>]+)>; rel="next"$/.exec(answer.headers['link'] ?? '')?.[1];
      }
      expect(seen).toEqual(all);
      for (const key of [
        ['yesterday', person.id],
        ['2026-01-01T00:00:00.000Z', 'x'],
        ['', ''],
        ['+275760-09-13T00:00:00.000Z', person.id],
        ['-000001-01-01T00:00:00.000Z', person.id],
      ]) {
        const cursor = Buffer.from(JSON.stringify(key)).toString('base64url');
        const { body } = await app.as(person).get(`/auth/sessions?cursor=${cursor}`).expect(400);
        expect(body.details[0].field).toBe('cursor');
      }
    });

    it('shows the last use, exact to a minute and without writing at every request', async () => {
      const id = await currentId(person.token);
      const lastUse = async () =>
        (await app.sql.query('select last_used_at from sessions where id = $1', [id])).rows[0]
          .last_used_at as Date;
      const before = await lastUse();
      await app.as(person).get('/auth/me').expect(200);
      expect(await lastUse()).toEqual(before);
      await app.sql.query(`update sessions set last_used_at = now() - interval '61 seconds' where id = $1`, [
        id,
      ]);
      await app.as(person).get('/auth/me').expect(200);
      expect((await lastUse()).getTime()).toBeGreaterThanOrEqual(before.getTime());
    });
  });

  describe('DELETE /auth/sessions/{id}', () => {
    it('204: ends that one at once, and no other', async () => {
      const session = await logIn();
      const id = await currentId(session.accessToken);
      await app.as(person).delete(`/auth/sessions/${id}`).expect(204);
      await app.as(session.accessToken).get('/auth/me').expect(401);
      await refresh(session.refreshToken).expect(401);
      await app.as(person).get('/auth/me').expect(200);
      expect((await trailOf(app, person)).at(-1)).toMatchObject({
        action: 'session.end',
        outcome: 'allowed',
        resource: { session: id },
      });
    });

    it('404: somebody else’s, one that has ended, and what is no id, byte for byte alike', async () => {
      const other = await app.world.user(`${person.username}-other`);
      const foreign = await currentId(other.token);
      const bodies: unknown[] = [];
      for (const id of [
        foreign,
        '7b1d8e60-a5d2-4c3b-98f7-0f4e2a5193c7',
        'me',
        foreign.toUpperCase(),
        '%00',
        '1',
      ]) {
        bodies.push((await app.as(person).delete(`/auth/sessions/${id}`).expect(404)).body);
      }
      expect(bodies).toEqual(bodies.map(() => bodies[0]));
      await app.as(other).get('/auth/me').expect(200);
    });
  });

  describe('a service token', () => {
    it('has no sessions, no personal tokens and no password: 403, on record; but it can ask who it is', async () => {
      await app.world.org(`org-${made}`, person);
      await app.world.environment(`org-${made}/web/prod`, person);
      const service = await app.world.serviceToken(person, 'consumer', `org-${made}/web/prod`);
      const client = app.as(service);
      await client.get('/auth/sessions').expect(403);
      await client.delete('/auth/sessions/7b1d8e60-a5d2-4c3b-98f7-0f4e2a5193c7').expect(403);
      await client.post('/auth/logout').expect(403);
      await client.get('/auth/tokens').expect(403);
      await client.post('/auth/tokens', { name: 'x' }).expect(403);
      await client.delete('/auth/tokens/7b1d8e60-a5d2-4c3b-98f7-0f4e2a5193c7').expect(403);
      await client.put('/auth/password', { current: PASSWORD, new: `${PASSWORD} 2` }).expect(403);
      const denied = (await app.events(`org-${made}`)).filter(({ outcome }) => outcome === 'denied');
      expect(denied.map(({ action }) => action)).toEqual([
        'session.list',
        'session.end',
        'user.logout',
        'personal-token.list',
        'personal-token.create',
        'personal-token.delete',
        'user.password-change',
      ]);
      const { body } = await client.get('/auth/me').expect(200);
      expect(body).toEqual({
        token: { name: `consumer of org-${made}/web/prod`, role: 'consumer', scope: `org-${made}/web/prod` },
      });
    });
  });
});
