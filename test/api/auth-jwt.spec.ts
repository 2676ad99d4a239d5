import { createHmac, createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { AccessTokens } from '../../src/identity/sessions/access-tokens.js';
import { TestApp } from '../support/app.js';
import { besides } from '../support/trail.js';
import type { Person } from '../support/world.js';

type Claims = Readonly<Record<string, unknown>>;

const ISSUER = 'https://coffer.example.com';

/** What the field has failed at, each by name; forged with the real key where a forger without it would learn nothing. */
describe('session tokens', () => {
  let app: TestApp;
  let person: Person;
  let key: Buffer;
  let header: Claims;
  let claims: Claims;

  beforeAll(async () => {
    app = await TestApp.start({ config: { publicUrl: ISSUER } });
    person = await app.world.user('maria');
    key = app.app.get(AccessTokens, { strict: false }).key.export();
    const [head = '', body = ''] = person.token.split('.');
    header = decoded(head);
    claims = decoded(body);
  });

  afterAll(() => app.close());

  function decoded(part: string): Claims {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Claims;
  }

  function part(value: unknown): string {
    return Buffer.from(JSON.stringify(value)).toString('base64url');
  }

  function signed(
    body: unknown,
    head: unknown = header,
    secret: Buffer | string = key,
    hash = 'sha256',
  ): string {
    const text = `${part(head)}.${part(body)}`;
    return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
  }

  async function refused(token: string): Promise<void> {
    const { body, headers } = await app.as(token).get('/auth/me').expect(401);
    expect(body).toEqual({
      error: 'A valid credential is needed: Authorization: Bearer <credential>.',
      code: 'unauthorized',
    });
    expect(headers['www-authenticate']).toBe('Bearer');
  }

  const now = () => Math.floor(Date.now() / 1000);

  it('say who, which session, for whom, by whom and until when, and nothing else', () => {
    expect(header).toEqual({ alg: 'HS256', typ: 'at+jwt' });
    expect(claims).toEqual({
      sub: person.id,
      sid: expect.any(String),
      jti: expect.any(String),
      aud: 'coffer/session',
      iss: ISSUER,
      iat: expect.any(Number),
      exp: Number(claims['iat']) + 900,
    });
  });

  it('are accepted when forged with the real key: what follows is refused for its own sake', async () => {
    await app.as(signed(claims)).get('/auth/me').expect(200);
  });

  it('are refused with alg none, in every spelling, with and without a signature', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      await refused(`${part({ ...header, alg })}.${part(claims)}.`);
      await refused(`${part({ ...header, alg })}.${part(claims)}.${person.token.split('.')[2]}`);
    }
    await refused(`${part(header)}.${part(claims)}.`);
  });

  it('are refused with another algorithm, even under the same key', async () => {
    await refused(signed(claims, { ...header, alg: 'HS384' }, key, 'sha384'));
    await refused(signed(claims, { ...header, alg: 'HS512' }, key, 'sha512'));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const text = `${part({ ...header, alg: 'RS256' })}.${part(claims)}`;
    await refused(`${text}.${createSign('sha256').update(text).sign(privateKey).toString('base64url')}`);
  });

  it('are refused under another key: empty, guessable, or the key as text', async () => {
    for (const secret of ['', 'secret', key.toString('hex'), key.toString('base64')]) {
      await refused(signed(claims, header, secret));
    }
  });

  it('are refused with a kid, whether a path, a query or a name, even under the real key', async () => {
    for (const kid of ['/dev/null', '../../etc/passwd', "' union select '", 'session-signing', '']) {
      await refused(signed(claims, { ...header, kid }));
      await refused(signed(claims, { ...header, kid }, ''));
    }
  });

  it('are refused with jku, x5u, x5c, an embedded jwk or crit', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = publicKey.export({ format: 'jwk' });
    const headers = [
      { ...header, jku: 'http://127.0.0.1:1/keys' },
      { ...header, x5u: 'http://127.0.0.1:1/keys' },
      { ...header, x5c: ['MIIB'] },
      { ...header, jwk: { kty: 'oct', k: '' } },
      { ...header, crit: ['exp'] },
    ];
    for (const head of headers) await refused(signed(claims, head));
    const text = `${part({ ...header, alg: 'RS256', jwk })}.${part(claims)}`;
    await refused(`${text}.${createSign('sha256').update(text).sign(privateKey).toString('base64url')}`);
  });

  it('are refused with another type', async () => {
    for (const typ of ['JWT', 'rt+jwt', 'AT+JWT', 'application/at+jwt', null]) {
      await refused(signed(claims, { ...header, typ }));
    }
    await refused(signed(claims, { alg: 'HS256' }));
  });

  it('are refused for another audience, for a list of audiences, for a number and for none', async () => {
    for (const aud of [
      'coffer',
      'coffer/refresh',
      ['coffer/session'],
      ['x', 'coffer/session'],
      7,
      null,
      {},
    ]) {
      await refused(signed({ ...claims, aud }));
    }
    const { aud: _aud, ...without } = claims;
    await refused(signed(without));
  });

  it('are refused from another issuer', async () => {
    for (const iss of ['https://coffer.example.org', `${ISSUER}/`, [ISSUER], null, '']) {
      await refused(signed({ ...claims, iss }));
    }
  });

  it('are refused when they have expired, have no end, or are not yet valid', async () => {
    for (const exp of [now() - 1, 0, String(now() + 900), null]) await refused(signed({ ...claims, exp }));
    const { exp: _exp, ...endless } = claims;
    await refused(signed(endless));
    await refused(signed({ ...claims, nbf: now() + 60 }));
  });

  it('are refused for a session or a user that is none, or not together', async () => {
    const other = await app.world.user('tina');
    await refused(signed({ ...claims, sid: randomUUID() }));
    await refused(signed({ ...claims, sid: 'x' }));
    await refused(signed({ ...claims, sid: [claims['sid']] }));
    await refused(signed({ ...claims, sub: other.id }));
    await refused(signed({ ...claims, sub: null }));
    await refused(signed({ ...claims, sub: 'maria' }));
    for (const body of [null, 7, [], 'text', {}]) await refused(signed(body));
  });

  it('are refused when anything in them was changed', async () => {
    const [head = '', body = '', signature = ''] = person.token.split('.');
    await refused(`${head}.${part({ ...claims, exp: now() + 86_400 })}.${signature}`);
    await refused(`${head}.${body}.${signature.slice(0, -2)}`);
    await refused(`${head}.${body}`);
    await refused(`${head}.${body}.${signature}.${signature}`);
    await refused(`.${body}.${signature}`);
    await refused(`${head} .${body}.${signature}`);
    await refused(`${head}.${'A'.repeat(100)}.${signature}`);
    await refused(`${head}.${Buffer.from('[[[{').toString('base64url')}.${signature}`);
  });

  it('are refused at a length that no session token has', async () => {
    await refused(signed({ ...claims, padding: 'x'.repeat(5_000) }));
    await refused(`${part(header)}.${'A'.repeat(12_000)}.x`);
  });

  it('of 1 MiB end before they are looked at, and the service stays up', async () => {
    await app
      .as(null)
      .get('/auth/me')
      .set('authorization', `Bearer ${'A'.repeat(1_048_576)}`)
      .then(
        ({ status }) => expect([401, 431]).toContain(status),
        (error: unknown) =>
          expect(error).toMatchObject({ code: expect.stringMatching(/^(EPIPE|ECONNRESET)$/) }),
      );
    await app.as(person).get('/auth/me').expect(200);
  });

  it('are refused next to another credential, and twice the same one is one', async () => {
    const { body: token } = await app.as(person).post('/auth/tokens', { name: 'laptop' }).expect(201);
    const both = (header: string, credential: string) =>
      app.as(person).get('/auth/me').set(header, credential);
    await both('x-api-key', token.token as string).expect(401);
    await both('coder-session-token', token.token as string).expect(401);
    await both('x-api-key', person.token).expect(200);
  });

  it('are refused in a URL and under another scheme', async () => {
    await app.as(null).get(`/auth/me?access_token=${person.token}`).expect(401);
    for (const scheme of ['Basic', 'Token', '']) {
      await app.as(null).get('/auth/me').set('authorization', `${scheme} ${person.token}`.trim()).expect(401);
    }
  });

  it('hold on every node of the database, and not in another installation', async () => {
    const other = await TestApp.start({ ...besides(app), config: { publicUrl: ISSUER } });
    await other.as(person).get('/auth/me').expect(200);
    await other.close();
    await app.as(person).get('/auth/me').expect(200);
    const stranger = await TestApp.start({ config: { publicUrl: ISSUER } });
    await stranger.as(person).get('/auth/me').expect(401);
    await app.as(person).get('/auth/me').expect(200);
    await stranger.close();
  });

  it('without a public URL hold wherever the nodes listen', async () => {
    const one = await TestApp.start({ config: { listen: { host: '127.0.0.1', port: 1 } } });
    const other = await TestApp.start({
      ...besides(one),
      config: { listen: { host: '127.0.0.1', port: 2 } },
    });
    const { token } = await one.world.user('maria');
    await other.as(token).get('/auth/me').expect(200);
    await other.close();
    await one.close();
  });
});
