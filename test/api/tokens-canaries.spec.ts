import { TestApp } from '../support/app.js';
import { PASSWORD } from '../support/world.js';

const CHANGED = 'canary-changed-1b77e3c2 and a tail';
const GUESSED = 'canary-guessed-90f1d2aa and a tail';
const TYPED = 'canary-typed-6c55e0b1';

/** Credentials through every route that takes or gives one: none is kept, logged or told back. */
describe('credentials', () => {
  let app: TestApp;
  const given: string[] = [];
  const echoes: string[] = [];

  beforeAll(async () => {
    app = await TestApp.start({ config: { logLevel: 'trace' } });
    const maria = await app.world.user('maria');
    await app.world.org('acme', maria);
    await app.world.environment('acme/web/prod', maria);
    const service = await app.world.serviceToken(maria, 'consumer', 'acme/web/prod');
    const personal = (await app.as(maria).post('/auth/tokens', { name: 'laptop' }).expect(201)).body;
    const anybody = app.as(null);
    const { body: refreshed } = await anybody.post('/auth/refresh', { refreshToken: maria.refreshToken });
    given.push(maria.token, maria.refreshToken, service.token, personal.token as string);
    given.push(refreshed.accessToken as string, refreshed.refreshToken as string);
    const answers = [
      await app.as(personal as { token: string }).get('/auth/me'),
      await app.as(service).get('/acme/web/envs/prod/values'),
      await app.as(service).get('/auth/sessions'),
      await app.as(maria).get('/auth/tokens'),
      await app.as(maria).get('/acme/web/tokens'),
      await app.as(maria).get('/auth/sessions'),
      await app.as(maria).delete(`/auth/tokens/${String(personal.token)}`),
      await app.as(maria).get(`/${service.token}/web/tokens`),
      await app.as(`${service.token}x`).get('/auth/me'),
      await app.as(maria).get('/auth/me').set('x-api-key', service.token),
      await anybody.get(`/auth/me?access_token=${maria.token}`),
      await anybody.post('/auth/login', { login: TYPED, password: GUESSED }),
      await anybody.post('/auth/login', { login: 'maria', password: { text: GUESSED } }),
      await anybody.post('/auth/signup', {
        email: TYPED,
        username: TYPED,
        password: GUESSED,
        [TYPED]: GUESSED,
      }),
      await anybody.post('/auth/refresh', { refreshToken: `${maria.refreshToken}x` }),
      await anybody.post('/auth/refresh', { refreshToken: { text: maria.refreshToken } }),
      await app.as(maria).put('/auth/password', { current: GUESSED, new: CHANGED }),
      await app.as(maria).put('/auth/password', { current: PASSWORD, new: CHANGED }),
      await anybody.post('/auth/refresh', { refreshToken: maria.refreshToken }),
    ];
    // Which field is unknown is told by its name: that one is the caller's own word.
    for (const { text } of answers) echoes.push(text.replaceAll(`"field":"${TYPED}"`, ''));
    // A failure inside: the log tells of it, without what was sent.
    await app.sql.query('alter table refresh_tokens rename to hidden_tokens');
    const failed = await anybody.post('/auth/login', { login: 'maria', password: CHANGED }).expect(500);
    await app.sql.query('alter table hidden_tokens rename to refresh_tokens');
    echoes.push(failed.text);
  });

  afterAll(() => app.close());

  /** The texts themselves, and of tokens the secret part alone. */
  function found(haystack: string): string[] {
    const secrets = given.map((token) => token.slice(-45, -6));
    const needles = [...given, ...secrets, PASSWORD, CHANGED, GUESSED, TYPED];
    const forms = needles.flatMap((text) => [
      text,
      Buffer.from(text).toString('hex'),
      Buffer.from(text).toString('base64').slice(0, -4),
      encodeURIComponent(text),
    ]);
    return forms.filter((form) => haystack.includes(form));
  }

  it('are told once, in the answer that makes them, and in no other', () => {
    expect(found(echoes.join('\n'))).toEqual([]);
  });

  it('stand in no log line, at the most talkative level', () => {
    expect(app.log.join('\n')).toContain('"level":50');
    expect(found(app.log.join('\n'))).toEqual([]);
  });

  it('stand nowhere in the database', async () => {
    const { rows } = await app.sql.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public'`,
    );
    let dump = '';
    for (const { name } of rows) {
      const table = await app.sql.query<{ line: string }>(`select t::text as line from ${name} t`);
      dump += table.rows.map(({ line }) => line).join('\n');
    }
    expect(dump).toContain('maria@example.com');
    expect(found(dump)).toEqual([]);
  });
});
