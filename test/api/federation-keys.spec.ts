import { gzipSync } from 'node:zlib';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { jest } from '@jest/globals';
import { exchange, lastExchange, trustIn } from '../support/exchange.js';
import { Issuer, json } from '../support/issuer.js';
import { TestApp } from '../support/app.js';
import type { Person } from '../support/world.js';

const monotonic = performance.now.bind(performance);

describe('the keys of an issuer', () => {
  let app: TestApp;
  let owner: Person;
  let issuer: Issuer;
  let audience: string;
  let trusts = 0;
  const issuers: Issuer[] = [];

  beforeAll(async () => {
    app = await TestApp.start({ config: { allowPrivateIssuers: true } });
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    await app.world.environment('acme/web/prod', owner);
  });

  /** Each test has an issuer of its own, of which the service knows nothing yet. */
  beforeEach(async () => {
    issuer = await Issuer.start({ alg: 'ES256' });
    issuers.push(issuer);
    trusts += 1;
    audience = `acme/web/ci-${String(trusts)}`;
    await trustIn(app, owner, 'acme/web/prod', issuer, { name: `ci-${String(trusts)}` });
  });

  afterEach(() => jest.restoreAllMocks());

  afterAll(async () => {
    await app.close();
    await Promise.all(issuers.map((one) => one.stop()));
  });

  const attempt = async (token: string): Promise<number> => (await exchange(app, audience, token)).status;
  const attempts = (tokens: readonly string[]): Promise<number[]> => Promise.all(tokens.map(attempt));
  const unknown = (count: number): Promise<string[]> =>
    Promise.all(
      Array.from({ length: count }, (_, index) => issuer.token({}, { kid: `made-up-${String(index)}` })),
    );

  /** The service's own clock, by which it knows how old its keys are; tokens have another one. */
  function passes(seconds: number): void {
    jest.spyOn(performance, 'now').mockImplementation(() => monotonic() + seconds * 1_000);
  }

  it('are read through the discovery document, and kept', async () => {
    for (let times = 0; times < 3; times += 1) expect(await attempt(await issuer.token())).toBe(200);
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it('are read once, however many ask at once', async () => {
    const tokens = await Promise.all(Array.from({ length: 30 }, () => issuer.token()));
    expect(new Set(await attempts(tokens))).toEqual(new Set([200]));
    expect(issuer.reads).toBe(1);
  });

  it('are read anew when a token names a key that is not among them: the issuer rotates', async () => {
    expect(await attempt(await issuer.token())).toBe(200);
    await issuer.rotate({ keep: true, alg: 'ES256' });
    expect(await attempt(await issuer.token())).toBe(200);
    expect(issuer.reads).toBe(2);
  });

  it('are read once at the most for 100 tokens at once that name keys which do not exist', async () => {
    expect(await attempt(await issuer.token())).toBe(200);
    expect(new Set(await attempts(await unknown(100)))).toEqual(new Set([400]));
    expect(issuer.reads).toBe(2);
    expect(new Set(await attempts(await unknown(100)))).toEqual(new Set([400]));
    expect(issuer.reads).toBe(2);
    expect(await attempt(await issuer.token())).toBe(200);
  });

  it('are read once for 100 tokens at once with unknown keys when they are the first ever', async () => {
    expect(new Set(await attempts(await unknown(100)))).toEqual(new Set([400]));
    expect(new Set(await attempts(await unknown(10)))).toEqual(new Set([400]));
    expect(issuer.reads).toBe(1);
    expect(await attempt(await issuer.token())).toBe(200);
  });

  it('are read once more for an unknown key after 30 seconds, and not before', async () => {
    await attempt(await issuer.token());
    await attempts(await unknown(1));
    passes(29);
    await attempts(await unknown(10));
    expect(issuer.reads).toBe(2);
    passes(31);
    await attempts(await unknown(10));
    expect(issuer.reads).toBe(3);
  });

  it('stop being believed ten minutes after the issuer took them back', async () => {
    const old = await issuer.token();
    expect(await attempt(old)).toBe(200);
    await issuer.rotate({ alg: 'ES256' });
    passes(9 * 60);
    expect(await attempt(old)).toBe(200);
    passes(11 * 60);
    expect(await attempt(old)).toBe(400);
  });

  it('stay in use when newer ones cannot be had', async () => {
    expect(await attempt(await issuer.token())).toBe(200);
    issuer.misbehave('keys', (_, response) => response.writeHead(500).end());
    expect(await attempts(await unknown(1))).toEqual([400]);
    expect(issuer.reads).toBe(2);
    expect(await attempt(await issuer.token())).toBe(200);
  });

  it('are not asked for again at once by 50 pipelines when the issuer fails, and are a little later', async () => {
    issuer.misbehave('discovery', (_, response) => response.writeHead(503).end());
    const tokens = await Promise.all(Array.from({ length: 50 }, () => issuer.token()));
    expect(new Set(await attempts(tokens))).toEqual(new Set([400]));
    issuer.behave();
    expect(await attempt(await issuer.token())).toBe(400);
    expect(issuer.asked).toHaveLength(1);
    passes(11);
    expect(await attempt(await issuer.token())).toBe(200);
  });

  it('are asked for only when nothing else is wrong with the token', async () => {
    for (const claims of [{ aud: 'another' }, { exp: 1 }, { iss: 'https://another.example.com' }]) {
      expect(await attempt(await issuer.token(claims))).toBe(400);
    }
    expect(await attempt(await issuer.token({}, { typ: 'at+jwt' }))).toBe(400);
    expect(issuer.asked).toEqual([]);
  });

  it('are never asked for at an issuer that no trust of that audience names', async () => {
    const stranger = await Issuer.start();
    issuers.push(stranger);
    await app.world.environment('acme/other/prod', owner);
    await trustIn(app, owner, 'acme/other/prod', stranger);
    expect(await attempt(await stranger.token())).toBe(400);
    for (const unknownAudience of ['acme/web/none', 'nobody/web/ci']) {
      expect((await exchange(app, unknownAudience, await stranger.token())).status).toBe(400);
    }
    expect(stranger.asked).toEqual([]);
    expect((await exchange(app, 'acme/other/ci', await stranger.token())).status).toBe(200);
  });

  const LARGE = JSON.stringify({ padding: 'x'.repeat(200_000) });

  type Misbehaviour = [
    what: string,
    where: 'discovery' | 'keys',
    (request: IncomingMessage, response: ServerResponse) => void,
    reason: RegExp,
  ];

  const misbehaviours: Misbehaviour[] = [
    ['redirects', 'discovery', (_, r) => r.writeHead(302, { location: '/elsewhere' }).end(), /answered 302/],
    [
      'redirects its keys',
      'keys',
      (_, r) => r.writeHead(307, { location: '/elsewhere' }).end(),
      /answered 307/,
    ],
    ['answers 201', 'keys', (_, r) => r.writeHead(201).end('{"keys":[]}'), /answered 201/],
    ['is another issuer', 'discovery', (_, r) => json(r, { issuer: 'https://a.example' }), /another issuer/],
    ['names no issuer', 'discovery', (_, r) => json(r, { jwks_uri: '/keys' }), /another issuer/],
    ['answers a list', 'discovery', (_, r) => json(r, []), /another issuer/],
    ['answers no JSON', 'discovery', (_, r) => r.end('<html>'), /with JSON/],
    ['answers no UTF-8', 'keys', (_, r) => r.end(Buffer.from([0x22, 0xff, 0x22])), /with JSON/],
    ['answers nothing', 'keys', (_, r) => r.end(), /with JSON/],
    ['publishes no keys', 'keys', (_, r) => json(r, {}), /malformed/],
    ['publishes keys that are none', 'keys', (_, r) => json(r, { keys: ['a', 7] }), /malformed/],
    ['answers too much', 'keys', (_, r) => r.end(LARGE), /more than 131072 bytes/],
    [
      'answers too much that is packed small',
      'keys',
      (_, r) => r.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(LARGE)),
      /encoding/,
    ],
    ['hangs up', 'keys', (request) => request.socket.destroy(), /cannot be reached \(ECONNRESET\)/],
    [
      'hangs up in the middle',
      'keys',
      (request, r) => {
        r.writeHead(200, { 'content-length': '1000' }).write('{"keys":');
        setTimeout(() => request.socket.destroy(), 20);
      },
      /cannot be reached/,
    ],
  ];

  it.each(misbehaviours)('are not to be had from an issuer that %s', async (_, where, answer, reason) => {
    issuer.misbehave(where, answer);
    expect(await attempt(await issuer.token())).toBe(400);
    const { mismatches } = (await lastExchange(app)).resource;
    expect(mismatches).toEqual([
      { claim: 'signature', expected: expect.any(String), actual: expect.stringMatching(reason) },
    ]);
    expect(issuer.asked).not.toContain('/elsewhere');
  });

  it.each([
    'file:///etc/passwd',
    'ftp://127.0.0.1/keys',
    'data:application/json,{"keys":[]}',
    '/keys',
    '',
    'http://user:password@127.0.0.1/keys',
  ])('are not looked for at %j', async (uri) => {
    issuer.misbehave('discovery', (_, response) => {
      json(response, { issuer: issuer.url, jwks_uri: uri });
    });
    expect(await attempt(await issuer.token())).toBe(400);
    expect((await lastExchange(app)).resource.mismatches).toMatchObject([
      { actual: expect.stringContaining('not an https URL') },
    ]);
  });

  it('are waited for five seconds, however slowly they trickle in', async () => {
    issuer.misbehave('keys', (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write(' '), 100);
      response.on('close', () => clearInterval(drip));
    });
    const begun = performance.now();
    expect(await attempt(await issuer.token())).toBe(400);
    expect(performance.now() - begun).toBeLessThan(7_000);
    expect((await lastExchange(app)).resource.mismatches).toMatchObject([
      { actual: expect.stringContaining('did not answer in time') },
    ]);
  });

  it('are waited for by nobody else: another pipeline is served meanwhile', async () => {
    const slow = await Issuer.start();
    issuers.push(slow);
    slow.misbehave('discovery', () => undefined);
    await trustIn(app, owner, 'acme/web/prod', slow, { name: 'slow' });
    const waiting = exchange(app, 'acme/web/slow', await slow.token());
    expect(await attempt(await issuer.token())).toBe(200);
    expect((await waiting).status).toBe(400);
  });
});
