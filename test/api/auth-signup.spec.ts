import { TestApp } from '../support/app.js';
import { trailOf } from '../support/trail.js';
import { PASSWORD } from '../support/world.js';

const MARIA = { email: 'Maria@Example.com', username: 'maria', password: PASSWORD };

describe('POST /auth/signup', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start();
  });

  afterAll(() => app.close());

  function signUp(body: object) {
    return app.as(null).post('/auth/signup', body);
  }

  describe('201', () => {
    it('answers with a session that works at once', async () => {
      const { body } = await signUp(MARIA).expect(201);
      expect(body).toEqual({
        accessToken: expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/),
        tokenType: 'Bearer',
        expiresIn: 900,
        refreshToken: expect.stringMatching(/^cofr_[0-9A-Za-z]{61}$/),
        user: {
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          username: 'maria',
          email: 'Maria@Example.com',
          createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        },
      });
      const me = await app
        .as(body.accessToken as string)
        .get('/auth/me')
        .expect(200);
      expect(me.body).toEqual(body.user);
    });

    it('keeps the password as an argon2id hash only', async () => {
      const { rows } = await app.sql.query(`select * from users where username = 'maria'`);
      expect(rows[0].password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
      expect(JSON.stringify(rows)).not.toContain(PASSWORD);
    });

    it('begins the user’s own trail', async () => {
      const answer = await signUp({ ...MARIA, email: 'tina@example.com', username: 'tina' })
        .set('user-agent', 'browser/1')
        .expect(201);
      expect(await trailOf(app, answer.body.user as { id: string })).toEqual([
        {
          action: 'user.signup',
          outcome: 'allowed',
          actor_type: 'user',
          actor_name: 'tina',
          resource: { session: expect.any(String) },
          ip: '127.0.0.1',
          user_agent: 'browser/1',
          request_id: answer.headers['x-request-id'],
        },
      ]);
    });
  });

  describe('400', () => {
    it('tells all problems at once', async () => {
      const { body } = await signUp({ email: 'no', username: 'Me!', password: 'short', admin: true }).expect(
        400,
      );
      expect(body.code).toBe('invalid_request');
      expect(body.details.map(({ field }: { field: string }) => field).sort()).toEqual([
        'admin',
        'email',
        'password',
        'username',
      ]);
      expect(JSON.stringify(body)).not.toContain('short');
    });

    it.each([
      ['email', null],
      ['email', ['maria2@example.com']],
      ['username', 'me'],
      ['username', 'secrets'],
      ['username', '0f4e2a51-93c7-4b1d-8e60-a5d2f7c31b98'],
      ['username', null],
      ['password', 'PassWord1234'],
      ['password', 123_456_789_012],
      ['password', `${PASSWORD}\ud800`],
      ['password', `${PASSWORD}\0`],
      ['invitation', null],
      ['invitation', 'nobody gave this out'],
    ])('a wrong %s is refused by name: %j', async (field, value) => {
      const { body } = await signUp({
        ...MARIA,
        email: 'n@example.com',
        username: 'n',
        [field]: value,
      }).expect(400);
      expect(body.details).toEqual([{ field, error: expect.any(String) }]);
    });
  });

  describe('409', () => {
    it('does not tell whether the username or the address is taken', async () => {
      const username = await signUp({ ...MARIA, email: 'other@example.com' }).expect(409);
      const email = await signUp({ ...MARIA, username: 'other' }).expect(409);
      expect(username.body.code).toBe('already_exists');
      expect(email.body).toEqual(username.body);
    });

    it('compares addresses without case', async () => {
      await signUp({ ...MARIA, username: 'other', email: 'MARIA@EXAMPLE.COM' }).expect(409);
    });

    it('lets exactly one of 16 parallel sign-ups of one name through', async () => {
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          signUp({ email: `twin-${index}@example.com`, username: 'twin', password: PASSWORD }),
        ),
      );
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses).toEqual([201, ...Array.from({ length: 15 }, () => 409)]);
    });

    it('lets exactly one of 16 parallel sign-ups of one address through, in whatever case', async () => {
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          signUp({
            email: index % 2 === 0 ? 'same@example.com' : 'SAME@example.com',
            username: `same-${index}`,
            password: PASSWORD,
          }),
        ),
      );
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 409)).toHaveLength(15);
      const { rows } = await app.sql.query(`select 1 from users where email_key = 'same@example.com'`);
      expect(rows).toHaveLength(1);
    });
  });
});

describe('COFFER_SIGNUP=closed', () => {
  it('takes nobody, not even the first', async () => {
    const app = await TestApp.start({ config: { signup: 'closed' } });
    const { body } = await app.as(null).post('/auth/signup', MARIA).expect(403);
    expect(body).toEqual({ error: expect.stringContaining('no new accounts'), code: 'forbidden' });
    await app.close();
  });
});

describe('COFFER_SIGNUP=invite', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({ config: { signup: 'invite' } });
  });

  afterAll(() => app.close());

  it('takes exactly one first user without an invitation, of eight who come at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        app.as(null).post('/auth/signup', {
          email: `first-${index}@example.com`,
          username: `first-${index}`,
          password: PASSWORD,
        }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(7);
  });

  it('refuses everybody after that, with or without something that is no invitation', async () => {
    await app.as(null).post('/auth/signup', MARIA).expect(403);
    await app
      .as(null)
      .post('/auth/signup', { ...MARIA, invitation: 'made up' })
      .expect(400);
    const { rows } = await app.sql.query('select 1 from users');
    expect(rows).toHaveLength(1);
  });
});
