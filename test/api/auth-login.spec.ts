import type { Test } from 'supertest';
import { TestApp } from '../support/app.js';
import { besides, trailOf } from '../support/trail.js';
import { PASSWORD, type Person } from '../support/world.js';

describe('POST /auth/login', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start();
  });

  afterAll(() => app.close());

  let made = 0;
  function somebody(): Promise<Person> {
    made += 1;
    return app.world.user(`person-${made}`);
  }

  function logIn(login: string, password: string, at = app): Test {
    return at.as(null).post('/auth/login', { login, password });
  }

  async function fail(login: string, times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) await logIn(login, 'a wrong password').expect(401);
  }

  describe('200', () => {
    it.each([
      (person: Person) => person.username,
      (person: Person) => person.username.toUpperCase(),
      (person: Person) => person.email,
      (person: Person) => person.email.toUpperCase(),
    ])('takes username and e-mail address, in any case', async (loginOf) => {
      const person = await somebody();
      const { body } = await logIn(loginOf(person), PASSWORD).expect(200);
      expect(Object.keys(body as object).sort()).toEqual([
        'accessToken',
        'expiresIn',
        'refreshToken',
        'tokenType',
        'user',
      ]);
      expect(body).toMatchObject({ tokenType: 'Bearer', expiresIn: 900, user: { id: person.id } });
      await app
        .as(body.accessToken as string)
        .get('/auth/me')
        .expect(200);
    });

    it('stands in the user’s own trail with its session and its request', async () => {
      const person = await somebody();
      const answer = await logIn(person.email, PASSWORD).expect(200);
      const sessions = await app
        .as(answer.body.accessToken as string)
        .get('/auth/sessions')
        .expect(200);
      const current = sessions.body.find((session: { current: boolean }) => session.current);
      expect((await trailOf(app, person)).at(-1)).toMatchObject({
        action: 'user.login',
        outcome: 'allowed',
        actor_type: 'user',
        actor_name: person.username,
        resource: { session: current.id },
        request_id: answer.headers['x-request-id'],
      });
    });
  });

  describe('400', () => {
    it('for what is no login at all, without an echo', async () => {
      const { body } = await app
        .as(null)
        .post('/auth/login', { login: 7, password: ['secret-7'], remember: 1 });
      expect(body.details.map(({ field }: { field: string }) => field).sort()).toEqual([
        'login',
        'password',
        'remember',
      ]);
      expect(JSON.stringify(body)).not.toContain('secret-7');
    });
  });

  describe('401', () => {
    it('is one answer for a wrong password, an unknown name and an unknown address', async () => {
      const person = await somebody();
      const answers = [
        await logIn(person.username, 'a wrong password').expect(401),
        await logIn(person.email, '').expect(401),
        await logIn('nobody-here', PASSWORD).expect(401),
        await logIn('nobody@example.com', PASSWORD).expect(401),
        await logIn('', 'x'.repeat(10_000)).expect(401),
        await logIn(person.id, PASSWORD).expect(401),
        await logIn(`${person.username} `, PASSWORD).expect(401),
      ];
      for (const { body, headers } of answers) {
        expect(body).toEqual({ error: 'The login or the password is wrong.', code: 'unauthorized' });
        expect(headers['www-authenticate']).toBe('Bearer');
        expect(Object.keys(headers)).toEqual(Object.keys(answers[0]?.headers ?? {}));
      }
    });

    it('stands in the trail of the account that was tried, and in no other', async () => {
      const person = await somebody();
      const count = async () =>
        Number((await app.sql.query('select count(*) from user_events')).rows[0].count);
      await logIn(person.username, 'a wrong password').expect(401);
      expect((await trailOf(app, person)).at(-1)).toMatchObject({
        action: 'user.login',
        outcome: 'denied',
        actor_type: 'anonymous',
        actor_name: null,
        resource: {},
      });
      const before = await count();
      await logIn('nobody-at-all', 'a wrong password').expect(401);
      expect(await count()).toBe(before);
    });
  });

  describe('429', () => {
    it('comes after five failures, with Retry-After, and a right password is not told from a wrong one', async () => {
      const person = await somebody();
      await fail(person.username, 5);
      const wrong = await logIn(person.username, 'a wrong password').expect(429);
      const right = await logIn(person.username, PASSWORD).expect(429);
      expect(wrong.body.code).toBe('rate_limited');
      expect(right.body).toEqual(wrong.body);
      const seconds = Number(right.headers['retry-after']);
      expect(seconds).toBeGreaterThan(14 * 60);
      expect(seconds).toBeLessThanOrEqual(15 * 60);
    });

    it('answers alike for an account that does not exist', async () => {
      const person = await somebody();
      await fail(person.username, 5);
      await fail('no-such-account', 5);
      const known = await logIn(person.username, PASSWORD).expect(429);
      const unknown = await logIn('NO-SUCH-account', PASSWORD).expect(429);
      expect(unknown.body).toEqual(known.body);
      expect(Object.keys(unknown.headers)).toEqual(Object.keys(known.headers));
    });

    it('counts across all spellings of one account', async () => {
      const person = await somebody();
      const spellings = [
        person.username,
        person.email,
        person.username.toUpperCase(),
        person.email.toUpperCase(),
        person.email,
      ];
      for (const spelling of spellings) await logIn(spelling, 'a wrong password').expect(401);
      for (const spelling of spellings) await logIn(spelling, PASSWORD).expect(429);
    });

    it('locks nobody else, and an open session of the account keeps working', async () => {
      const [locked, other] = [await somebody(), await somebody()];
      await fail(locked.username, 5);
      await logIn(locked.username, PASSWORD).expect(429);
      await logIn(other.username, PASSWORD).expect(200);
      await app.as(locked).get('/auth/me').expect(200);
      await app.as(null).post('/auth/refresh', { refreshToken: locked.refreshToken }).expect(200);
    });

    it('holds on another node, also one that starts later', async () => {
      const person = await somebody();
      await fail(person.username, 5);
      const other = await TestApp.start(besides(app));
      await logIn(person.email, PASSWORD, other).expect(429);
      await other.close();
      await logIn(person.email, PASSWORD).expect(429);
    });

    it('counts failures on two nodes together', async () => {
      const person = await somebody();
      const other = await TestApp.start(besides(app));
      await fail(person.username, 3);
      await logIn(person.username, 'a wrong password', other).expect(401);
      await logIn(person.username, 'a wrong password', other).expect(401);
      await other.close();
      await logIn(person.username, PASSWORD).expect(429);
    });

    it('ends after 15 minutes, and is not made longer by trying', async () => {
      const person = await somebody();
      await fail(person.username, 5);
      await later(person, '14 minutes 50 seconds');
      const { headers } = await logIn(person.username, 'a wrong password').expect(429);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(10);
      await later(person, '11 seconds');
      await logIn(person.username, PASSWORD).expect(200);
    });

    it('counts only failures of the last 15 minutes', async () => {
      const person = await somebody();
      await fail(person.username, 3);
      await later(person, '10 minutes');
      await fail(person.username, 1);
      await later(person, '6 minutes');
      await fail(person.username, 3);
      await logIn(person.username, PASSWORD).expect(200);
    });

    it('forgets failures at a right login', async () => {
      const person = await somebody();
      await fail(person.username, 4);
      await logIn(person.username, PASSWORD).expect(200);
      await fail(person.username, 4);
      await logIn(person.username, PASSWORD).expect(200);
    });

    it('tells exactly five of 100 parallel guesses that they were wrong', async () => {
      const person = await somebody();
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) => logIn(person.username, `guess number ${index}`)),
      );
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
      expect(answers.filter(({ status }) => status === 429)).toHaveLength(95);
      const denied = (await trailOf(app, person)).filter(({ outcome }) => outcome === 'denied');
      expect(denied.map(({ resource }) => resource)).toEqual([{}, {}, {}, {}, { locked: true }]);
    });

    it('does the same for an account that does not exist', async () => {
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) => logIn('ghost@example.com', `guess number ${index}`)),
      );
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
      expect(answers.filter(({ status }) => status === 429)).toHaveLength(95);
    });

    it('gives no right guess away once five wrong ones were told, whatever runs at once', async () => {
      const person = await somebody();
      const wrong = Array.from({ length: 30 }, (_, index) => logIn(person.username, `guess number ${index}`));
      await Promise.all(wrong.slice(0, 15));
      const answers = await Promise.all([logIn(person.username, PASSWORD), ...wrong.slice(15)]);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 429));
    });

    it('never comes of right logins, however many at once', async () => {
      const person = await somebody();
      const answers = await Promise.all(Array.from({ length: 30 }, () => logIn(person.email, PASSWORD)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    });

    it('keeps nothing of what was typed, and sweeps what is long over', async () => {
      await fail('typed-by-mistake-8231', 1);
      const { rows } = await app.sql.query('select * from login_failures');
      expect(JSON.stringify(rows)).not.toContain('typed-by-mistake');
      await app.sql.query(`update login_failures set forget_after = now() - interval '1 second'`);
      for (let round = 0; round < 10; round += 1) await fail(`sweeper-${round}`, 1);
      const left = await app.sql.query('select 1 from login_failures where forget_after < now()');
      expect(left.rows).toEqual([]);
    });
  });

  /** As if that much time had passed for this account's failures. */
  async function later(person: Person, time: string): Promise<void> {
    await app.sql.query(
      `update login_failures set
         failed_at = array(select t - $2::interval from unnest(failed_at) t),
         locked_until = locked_until - $2::interval, forget_after = forget_after - $2::interval
       where account = $1`,
      [`user:${person.id}`, time],
    );
  }
});
