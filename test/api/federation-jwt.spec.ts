import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { exportJWK, exportSPKI } from 'jose';
import { exchange, lastExchange, trustIn } from '../support/exchange.js';
import { Issuer, json } from '../support/issuer.js';
import { TestApp } from '../support/app.js';
import type { Person } from '../support/world.js';

const encoded = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const now = (): number => Math.floor(Date.now() / 1_000);

/** Every way in which a JSON Web Token has been known to lie. */
describe('a subject token', () => {
  let app: TestApp;
  let issuer: Issuer;
  let owner: Person;
  let audience: string;
  let trusts = 0;

  beforeAll(async () => {
    app = await TestApp.start({ config: { allowPrivateIssuers: true } });
    issuer = await Issuer.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    await app.world.environment('acme/web/prod', owner);
  });

  /** Each test has a trust of its own: what is not signed is recorded so many times only. */
  beforeEach(async () => {
    trusts += 1;
    audience = `acme/web/ci-${String(trusts)}`;
    await trustIn(app, owner, 'acme/web/prod', issuer, { name: `ci-${String(trusts)}` });
  });

  afterAll(async () => {
    await app.close();
    await issuer.stop();
  });

  /** Refused, in one text for all, and the trail says for what. */
  async function expectRefusal(token: string, ...claims: string[]): Promise<void> {
    const { status, body } = await exchange(app, audience, token);
    expect([status, body.error]).toEqual([400, 'invalid_request']);
    const { mismatches } = (await lastExchange(app)).resource;
    expect(mismatches?.map(({ claim }) => claim)).toEqual(claims);
  }

  const claims = () => ({
    iss: issuer.url,
    aud: 'coffer',
    sub: 'a-workload',
    iat: now(),
    nbf: now(),
    exp: now() + 300,
  });
  const kid = (): string => issuer.keys[0]?.kid ?? '';

  describe('with another algorithm', () => {
    it.each(['none', 'None', 'NONE', 'nOnE', ''])(
      'is refused when it says alg %p and is not signed',
      async (alg) => {
        await expectRefusal(`${encoded({ alg, kid: kid(), typ: 'JWT' })}.${encoded(claims())}.`, 'alg');
      },
    );

    it.each(['HS256', 'HS512'])('is refused when the public key was the secret of an %s', async (alg) => {
      const publicKey = issuer.keys[0]?.publicKey;
      if (publicKey === undefined) throw new Error('no key');
      const content = `${encoded({ alg, kid: kid(), typ: 'JWT' })}.${encoded(claims())}`;
      const forms = [await exportSPKI(publicKey), JSON.stringify(await exportJWK(publicKey))];
      for (const secret of forms) {
        const mac = createHmac(alg.replace('HS', 'sha'), secret).update(content).digest('base64url');
        await expectRefusal(`${content}.${mac}`, 'alg');
      }
    });

    it('is refused when its alg is not that of the key, although the signature would fit', async () => {
      const key = issuer.keys[0];
      if (key === undefined) throw new Error('no key');
      const content = `${encoded({ alg: 'RS512', kid: key.kid, typ: 'JWT' })}.${encoded(claims())}`;
      const jwk = await exportJWK(key.privateKey);
      const privateKey = createPrivateKey({ key: jwk as Record<string, string>, format: 'jwk' });
      const signature = sign('sha512', Buffer.from(content), privateKey).toString('base64url');
      await expectRefusal(`${content}.${signature}`, 'signature');
    });

    it.each([[['RS256']], [256], [null], [undefined]])('is refused when its alg is %p', async (alg) => {
      const token = `${encoded({ alg, kid: kid() })}.${encoded(claims())}.c2ln`;
      await expectRefusal(token, 'alg');
    });
  });

  describe('with a key of its own', () => {
    const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = { ...own.publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' };

    function signed(header: Record<string, unknown>): string {
      const content = `${encoded({ alg: 'RS256', typ: 'JWT', ...header })}.${encoded(claims())}`;
      return `${content}.${sign('sha256', Buffer.from(content), own.privateKey).toString('base64url')}`;
    }

    it.each([
      ['jwk', () => ({ jwk, kid: kid() })],
      ['jwk and a kid of its own', () => ({ jwk: { ...jwk, kid: 'mine' }, kid: 'mine' })],
      ['jku', () => ({ jku: `${issuer.url}/forged`, kid: 'forged' })],
      ['x5u', () => ({ x5u: `${issuer.url}/forged`, kid: 'forged' })],
      [
        'x5c',
        () => ({
          x5c: [own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')],
          kid: kid(),
        }),
      ],
    ])('is refused, whatever stands in %s, and nothing is fetched for it', async (_, header) => {
      issuer.answers.set('/forged', (__, response) => {
        json(response, { keys: [{ ...jwk, kid: 'forged' }] });
      });
      await expectRefusal(signed(header()), 'signature');
      expect(issuer.asked).not.toContain('/forged');
      issuer.behave();
    });

    it.each([
      ['a path', '../../../../dev/null'],
      ['another path', '/etc/passwd'],
      ['a statement', "' or 1=1 --"],
      ['a URL', 'http://127.0.0.1/keys'],
      ['a prototype', '__proto__'],
      ['a constructor', 'constructor'],
      ['a NUL', 'a\u0000b'],
      ['a thousand characters', 'x'.repeat(1_000)],
    ])('is refused with %s for its kid', async (_, forged) => {
      await expectRefusal(signed({ kid: forged }), 'signature');
    });

    it.each([
      ['no kid', undefined],
      ['an empty kid', ''],
      ['a number', 7],
      ['null', null],
      ['a list', ['a']],
      ['an object', {}],
      ['two thousand characters', 'x'.repeat(2_000)],
    ])('is refused with %s where a kid should be', async (_, forged) => {
      await expectRefusal(signed({ kid: forged }), 'kid');
    });

    it('is refused with the right kid and another key', async () => {
      await expectRefusal(signed({ kid: kid() }), 'signature');
    });
  });

  describe('whose parts were changed after it was signed', () => {
    it('is refused with other claims, with another header, and without a signature', async () => {
      const [header = '', payload = '', signature = ''] = (await issuer.token()).split('.');
      const other = encoded({ ...claims(), sub: 'a-workload', more: 'x' });
      await expectRefusal(`${header}.${other}.${signature}`, 'signature');
      await expectRefusal(`${encoded({ alg: 'RS256', kid: kid() })}.${payload}.${signature}`, 'signature');
      await expectRefusal(`${header}.${payload}.`, 'signature');
      await expectRefusal(`${header}.${payload}.${signature.slice(0, -4)}AAAA`, 'signature');
    });

    it('is refused when it asks for an extension that nobody here knows', async () => {
      const token = `${encoded({ alg: 'RS256', kid: kid(), crit: ['b64'], b64: false })}.${encoded(claims())}.c2ln`;
      await expectRefusal(token, 'crit');
    });
  });

  describe('of another kind', () => {
    it.each(['at+jwt', 'logout+jwt', 'secevent+jwt', 'application/at+jwt', 7])(
      'is refused: typ %p',
      async (typ) => {
        await expectRefusal(await issuer.token({}, { typ }), 'typ');
      },
    );

    it.each(['jwt', 'JWT', 'application/jwt', undefined])(
      'is accepted as an ID token: typ %p',
      async (typ) => {
        expect((await exchange(app, audience, await issuer.token({}, { typ }))).status).toBe(200);
      },
    );

    it('is refused when it is a session or a token of this very service', async () => {
      const { body } = await exchange(app, audience, await issuer.token());
      await expectRefusal(body.access_token, 'subject_token');
      const { status } = await exchange(app, audience, owner.token);
      expect(status).toBe(400);
    });

    it('opens nothing as a credential of this service', async () => {
      const token = await issuer.token({ aud: 'session', iss: app.url, sub: owner.id });
      await app.as(token).get('/auth/me').expect(401);
      await app
        .as(await issuer.token())
        .get('/acme/web/envs/prod/values')
        .expect(401);
    });

    it('is refused when it is encrypted, cut off, deep, or no token at all', async () => {
      const deep = `${encoded({ alg: 'RS256', kid: kid() })}.${Buffer.from('['.repeat(5_000)).toString('base64url')}.c2ln`;
      const whole = await issuer.token();
      for (const token of [
        'a.b.c.d.e',
        'a.b',
        '..',
        '{}',
        whole.slice(0, 40),
        deep,
        `${whole}.`,
        ` ${whole}`,
      ]) {
        await expectRefusal(token, 'subject_token');
      }
    });
  });

  describe('for another time', () => {
    it.each([
      ['has expired', () => ({ iat: now() - 400, nbf: now() - 400, exp: now() - 1 }), ['exp']],
      ['never expires', () => ({ exp: undefined }), ['exp']],
      ['expires in a text', () => ({ exp: String(now() + 300) }), ['exp']],
      ['is not yet valid', () => ({ nbf: now() + 300 }), ['nbf']],
      ['has a text for nbf', () => ({ nbf: 'now' }), ['nbf']],
      ['does not say when it was made', () => ({ iat: undefined }), ['iat']],
      ['was made in the future', () => ({ iat: now() + 300, nbf: undefined }), ['iat']],
      ['was made two days ago', () => ({ iat: now() - 172_800, exp: now() + 300 }), ['iat']],
    ])('is refused when it %s', async (_, times, found) => {
      await expectRefusal(await issuer.token(times()), ...found);
    });

    it('is refused when it would expire later than any number', async () => {
      const [header = '', , signature = ''] = (await issuer.token()).split('.');
      const text = JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e999');
      await expectRefusal([header, Buffer.from(text).toString('base64url'), signature].join('.'), 'exp');
    });
  });

  describe('for somebody else', () => {
    it.each([
      ['another audience', { aud: 'another' }, ['aud']],
      ['no audience', { aud: undefined }, ['aud']],
      ['an audience in other letters', { aud: 'Coffer' }, ['aud']],
      ['an audience that only begins alike', { aud: 'coffer.example.com' }, ['aud']],
      ['a list of other audiences', { aud: ['a', 'b'] }, ['aud']],
      ['an empty list of audiences', { aud: [] }, ['aud']],
      ['a number for its audience', { aud: 7 }, ['aud']],
      ['an object for its audience', { aud: { coffer: true } }, ['aud']],
      ['a list in a list for its audience', { aud: [['coffer']] }, ['aud']],
      ['another issuer', { iss: 'https://issuer.example.com' }, ['iss']],
      ['an issuer with a slash more', { iss: 'slash' }, ['iss']],
      ['a list for its issuer', { iss: ['list'] }, ['iss']],
      ['no issuer', { iss: undefined }, ['iss']],
    ])('is refused with %s', async (_, more, found) => {
      const iss = 'iss' in more && more.iss === 'slash' ? { iss: `${issuer.url}/` } : {};
      await expectRefusal(await issuer.token({ ...more, ...iss }), ...found);
    });

    it.each([
      ['in other letters', 'A-Workload'],
      ['with a space at its end', 'a-workload '],
      ['as a list', ['a-workload']],
      ['as an object', { 'a-workload': true }],
      ['as nothing', null],
    ])('is refused with the claim %s', async (_, sub) => {
      await expectRefusal(await issuer.token({ sub }), 'sub');
    });

    it('is refused when two ids look alike because they are too large for a number', async () => {
      await trustIn(app, owner, 'acme/web/prod', issuer, {
        name: 'large',
        claims: { id: '9007199254740992' },
      });
      const { status } = await exchange(app, 'acme/web/large', await issuer.token({ id: 2 ** 53 }));
      expect(status).toBe(400);
    });
  });

  describe('that is too large', () => {
    it('is refused with 20,000 characters, and with a megabyte', async () => {
      const token = await issuer.token({ padding: 'x'.repeat(20_000) });
      expect((await exchange(app, audience, token)).status).toBe(400);
      const huge = await issuer.token({ padding: 'x'.repeat(1024 * 1024) });
      expect((await exchange(app, audience, huge)).status).toBe(413);
    });
  });

  describe('whose issuer publishes keys that nobody should use', () => {
    it('is refused with a key that is too short, secret, or meant for something else', async () => {
      const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
      const good = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const keys = [
        { pair: short, jwk: createPublicKey(short.privateKey).export({ format: 'jwk' }) },
        { pair: good, jwk: good.privateKey.export({ format: 'jwk' }) },
        { pair: good, jwk: { ...good.publicKey.export({ format: 'jwk' }), use: 'enc' } },
        { pair: good, jwk: { ...good.publicKey.export({ format: 'jwk' }), key_ops: ['encrypt'] } },
        { pair: good, jwk: { kty: 'oct', k: Buffer.from('secret').toString('base64url') } },
      ];
      for (const [index, { pair, jwk }] of keys.entries()) {
        const other = await Issuer.start();
        other.misbehave('keys', (_, response) => json(response, { keys: [{ ...jwk, kid: 'k' }] }));
        await trustIn(app, owner, 'acme/web/prod', other, { name: `keys-${String(index)}` });
        const content = `${encoded({ alg: 'RS256', kid: 'k' })}.${encoded({ ...claims(), iss: other.url })}`;
        const token = `${content}.${sign('sha256', Buffer.from(content), pair.privateKey).toString('base64url')}`;
        expect((await exchange(app, `acme/web/keys-${String(index)}`, token)).status).toBe(400);
        expect((await lastExchange(app)).resource.mismatches).toMatchObject([{ claim: 'signature' }]);
        await other.stop();
      }
    });
  });
});
