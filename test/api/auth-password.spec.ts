import { TestApp } from '../support/app.js';
import { trailOf } from '../support/trail.js';
import { PASSWORD, type Person } from '../support/world.js';

const NEW = 'a lamp, a ladder and a lemon';

describe('PUT /auth/password', () => {
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

  function change(credential: Person | string, current: unknown, replacement: unknown = NEW) {
    return app.as(credential).put('/auth/password', { current, new: replacement });
  }

  function logIn(password: string) {
    return app.as(null).post('/auth/login', { login: person.username, password });
  }

  it('204: the new one logs in, the old one does not; other sessions end, the one that asked goes on', async () => {
    const { body: other } = await logIn(PASSWORD).expect(200);
    await change(person, PASSWORD).expect(204);
    await app
      .as(other.accessToken as string)
      .get('/auth/me')
      .expect(401);
    await app.as(null).post('/auth/refresh', { refreshToken: other.refreshToken }).expect(401);
    await app.as(person).get('/auth/me').expect(200);
    await app.as(null).post('/auth/refresh', { refreshToken: person.refreshToken }).expect(200);
    await logIn(PASSWORD).expect(401);
    await logIn(NEW).expect(200);
  });

  it('204 with a personal token ends every session', async () => {
    const { body: token } = await app.as(person).post('/auth/tokens', { name: 'laptop' }).expect(201);
    await change(token.token as string, PASSWORD).expect(204);
    await app.as(person).get('/auth/me').expect(401);
    await app
      .as(token.token as string)
      .get('/auth/me')
      .expect(200);
  });

  it('stands in the user’s own trail, without either password', async () => {
    await change(person, 'not my password').expect(400);
    await change(person, PASSWORD).expect(204);
    const trail = (await trailOf(app, person)).slice(-2);
    expect(trail).toMatchObject([
      { action: 'user.password-change', outcome: 'denied', actor_name: person.username, resource: {} },
      { action: 'user.password-change', outcome: 'allowed', actor_name: person.username, resource: {} },
    ]);
  });

  it('400: a wrong present password is a problem of the field current', async () => {
    const { body } = await change(person, 'not my password').expect(400);
    expect(body).toMatchObject({
      code: 'invalid_request',
      details: [{ field: 'current', error: 'is not your password' }],
    });
    await logIn(PASSWORD).expect(200);
  });

  it.each(['short', 'password1234', 'x'.repeat(257), null, 7, ''])(
    '400: %j is no new password, and is told before the present one is looked at',
    async (replacement) => {
      const { body } = await change(person, 'not my password', replacement).expect(400);
      expect(body.details).toEqual([{ field: 'new', error: expect.any(String) }]);
    },
  );

  it('429: an open session is no place to guess the password, and locks the login with it', async () => {
    for (let time = 0; time < 3; time += 1) await change(person, `guess ${time}`).expect(400);
    await logIn('guess 4').expect(401);
    await change(person, 'guess 5').expect(400);
    const { headers, body } = await change(person, PASSWORD).expect(429);
    expect(body.code).toBe('rate_limited');
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    await logIn(PASSWORD).expect(429);
    await app.as(person).get('/auth/me').expect(200);
  });

  it('tells exactly five of 40 parallel guesses that they were wrong', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => change(person, `guess ${index}`)),
    );
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(35);
  });

  it('lets one of two parallel changes through', async () => {
    const answers = await Promise.all([
      change(person, PASSWORD, `${NEW} 1`),
      change(person, PASSWORD, `${NEW} 2`),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 400]);
    const winner = answers[0].status === 204 ? 1 : 2;
    await logIn(`${NEW} ${winner}`).expect(200);
  });
});
