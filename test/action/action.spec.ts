import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readGithubMasks } from '../formats/readers/github-env-file.js';
import { TestApp } from '../support/app.js';
import { trustIn } from '../support/exchange.js';
import { GITHUB_CLAIMS, Issuer } from '../support/issuer.js';
import { runAction, TokenService, type StepResult } from '../support/runner.js';
import { ROOT } from '../support/sources.js';
import type { Person } from '../support/world.js';

/** Values that have broken an export somewhere. */
const VALUES = {
  DATABASE_URL: 'postgres://app:s3cret@db/orders?a=1&b=%0A%25',
  EMPTY: '',
  PEM: '-----BEGIN KEY-----\nline one of the key\nline two of the key\n-----END KEY-----\n',
  DOS: 'first line\r\nsecond line\r\nlast\rmiddle',
  INJECTION: 'x\nEOF\nINJECTED=1\n::set-output name=a::b\nINJECTED<<EOF\n1\nEOF',
  QUOTES: `he said "don't" \\n $(touch pwned) \`id\` $HOME`,
  UNICODE: 'größer als 😀😀😀😀',
  SPACES: '   in front and behind   ',
  SHORT: 'abc',
} as const;

describe('the GitHub Action', () => {
  let app: TestApp;
  let issuer: Issuer;
  let tokens: TokenService;
  let owner: Person;
  let subject: Record<string, unknown>;

  beforeAll(async () => {
    app = await TestApp.start({ config: { allowPrivateIssuers: true } });
    issuer = await Issuer.start({ path: '/_services/token' });
    tokens = await TokenService.start((aud) => issuer.token({ ...subject, aud }));
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    const prod = await app.world.environment('acme/web/prod', owner);
    for (const [name, value] of Object.entries(VALUES)) await prod.secret(name, value);
    const incomplete = await app.world.environment('acme/web/incomplete', owner);
    await incomplete.secret('SET', 'it has a value');
    await incomplete.secret('NOT_SET');
    const more = { audience: app.url, claims: { repository_id: '74' } };
    await trustIn(app, owner, 'acme/web/prod', issuer, { ...more, name: 'deploy' });
    await trustIn(app, owner, 'acme/web/incomplete', issuer, { ...more, name: 'incomplete' });
  });

  beforeEach(() => {
    subject = { ...GITHUB_CLAIMS };
  });

  afterAll(async () => {
    await app.close();
    await tokens.stop();
    await issuer.stop();
  });

  const run = (inputs: Record<string, string> = {}, env: Record<string, string> = tokens.env) =>
    runAction(ROOT, { server: app.url, trust: 'acme/web/deploy', environment: 'prod', ...inputs }, env);

  const linesOf = (value: string): string[] => value.split(/[\r\n]+/).filter((line) => [...line].length >= 4);

  /** It ends the job, says why, and has exported nothing. */
  function expectFailure(result: StepResult, reason: RegExp): void {
    expect(result.code).toBe(1);
    expect(result.log).toMatch(/^::error title=Coffer::/m);
    expect(result.log).toMatch(reason);
    expect([...result.env.keys(), ...result.outputs.keys()]).toEqual([]);
  }

  it('exports every value byte for byte to the steps that follow, and nothing else', async () => {
    const { code, env, outputs, log } = await run();
    expect([code, Object.fromEntries(env)]).toEqual([0, VALUES]);
    expect(Object.fromEntries(outputs)).toEqual({
      revision: expect.stringMatching(/^\d+$/),
      names: Object.keys(VALUES).sort().join(','),
    });
    expect(log).toContain('read 9 values of acme/web/prod');
  });

  it('hides every line of every value before anything else happens to it', async () => {
    const result = await run();
    for (const line of Object.values(VALUES).flatMap(linesOf)) expect(result.masks).toContain(line);
    const commands = result.printed.findIndex((line) => !line.startsWith('::add-mask::'));
    expect(result.printed.slice(commands).filter((line) => line.startsWith('::add-mask::'))).toEqual([]);
    for (const line of Object.values(VALUES).flatMap(linesOf)) expect(result.log).not.toContain(line);
  });

  it('hides what the server itself would have hidden, and the two tokens', async () => {
    const person = await app.world.user('reader');
    await app.world.grant(owner, person, 'consumer', 'acme/web/prod');
    const { text } = await app.as(person).get('/acme/web/envs/prod/values?format=github-mask').expect(200);
    const { masks, log } = await run();
    expect(masks).toEqual(expect.arrayContaining(readGithubMasks(text)));
    expect(masks[0]).toMatch(/^eyJ/);
    expect(masks[1]).toMatch(/^cofs_/);
    expect(log).not.toMatch(/eyJ|cofs_/);
  });

  it('asks GitHub for a token of the audience that the trust names', async () => {
    tokens.requests.length = 0;
    await run();
    expect(new URL(tokens.requests[0]?.url ?? '', 'http://x').searchParams.get('audience')).toBe(app.url);
    await trustIn(app, owner, 'acme/web/prod', issuer, {
      name: 'other',
      audience: 'x y&z=1',
      claims: { repository_id: '74' },
    });
    expect((await run({ trust: 'acme/web/other', audience: 'x y&z=1' })).code).toBe(0);
  });

  it('hands the values to one step only, when asked to, hidden as JSON writes them too', async () => {
    const { code, env, outputs, masks } = await run({ export: 'output' });
    expect([code, env.size]).toEqual([0, 0]);
    expect(JSON.parse(outputs.get('values') ?? '')).toEqual(VALUES);
    expect(masks).toContain(JSON.stringify(VALUES.QUOTES).slice(1, -1));
  });

  it('reads only the names that it was given', async () => {
    const { env } = await run({ names: 'SHORT, UNICODE' });
    expect(Object.fromEntries(env)).toEqual({ SHORT: VALUES.SHORT, UNICODE: VALUES.UNICODE });
  });

  it('leaves out what has no value, when asked to', async () => {
    const inputs = { trust: 'acme/web/incomplete', environment: 'incomplete' };
    const { env } = await run({ ...inputs, missing: 'omit' });
    expect(Object.fromEntries(env)).toEqual({ SET: 'it has a value' });
  });

  it('stands in the trail under the name of the trust', async () => {
    await run();
    expect((await app.events('acme')).slice(-2)).toMatchObject([
      { action: 'trust.exchange', actor_name: 'deploy', resource: { subject: GITHUB_CLAIMS.sub } },
      { action: 'values.get', actor_name: 'deploy', outcome: 'allowed' },
    ]);
  });

  describe('ends the job', () => {
    it('when a declared secret has no value, and names it', async () => {
      const result = await run({ trust: 'acme/web/incomplete', environment: 'incomplete' });
      expectFailure(result, /answered 409: .*\(NOT_SET\)/);
    });

    it('when the trust does not match', async () => {
      subject = { ...GITHUB_CLAIMS, repository_id: '75' };
      expectFailure(await run(), /The exchange answered 400: The subject token is not accepted/);
    });

    it('when the trust is one of another environment', async () => {
      expectFailure(await run({ environment: 'incomplete' }), /answered 404/);
    });

    it('when a name is not declared', async () => {
      expectFailure(await run({ names: 'NOWHERE' }), /answered 404: .*NOWHERE/);
    });

    it('when the job may not have a token', async () => {
      expectFailure(await run({}, {}), /permissions: \{ contents: read, id-token: write \}/);
    });

    it('when GitHub refuses the token', async () => {
      const env = { ...tokens.env, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'expired' };
      expectFailure(await run({}, env), /GitHub's OIDC service answered 401/);
    });

    it.each([
      ['no server', { server: '' }, /input server must be/],
      ['a server that is no URL', { server: 'coffer' }, /input server must be/],
      ['a server without TLS', { server: 'http://coffer.example.com' }, /input server must be an https URL/],
      [
        'a server whose name only begins like this host',
        { server: 'http://127.0.0.1.example.com' },
        /https URL/,
      ],
      ['no trust', { trust: 'acme' }, /input trust must be/],
      ['no environment', { environment: '' }, /input environment must be/],
      ['an environment with a path', { environment: '../dev' }, /input environment must be/],
      ['a wish that it does not know', { export: 'file' }, /input export must be/],
      ['another wish that it does not know', { missing: 'ignore' }, /input missing must be/],
      ['names with a query', { names: 'A&format=json' }, /input names must be/],
    ])('with %s', async (_, inputs, reason) => {
      expectFailure(await run(inputs), reason);
    });

    it('without running what stands in an input', async () => {
      const nasty = '"; touch pwned; echo "$(touch pwned)';
      for (const name of ['server', 'trust', 'environment', 'audience', 'names']) {
        const { code } = await run({ [name]: nasty });
        expect(code).toBe(1);
      }
      await expect(readFile(join(ROOT, 'pwned'))).rejects.toThrow('ENOENT');
    });
  });

  describe('at a server that answers strangely', () => {
    /** A server between: it answers what `listener` says, or hands the request on to the real one when that returns false. */
    async function through(
      listener: (path: string) => ReturnType<RequestListener> | object | null,
    ): Promise<StepResult> {
      const server = createServer((request, response) => {
        const own = listener(request.url ?? '') as { status: number; headers?: object; body?: string } | null;
        if (own !== null) return response.writeHead(own.status, { ...own.headers }).end(own.body);
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const { authorization, 'content-type': type } = request.headers;
          const headers = {
            ...(authorization === undefined ? {} : { authorization }),
            ...(type === undefined ? {} : { 'content-type': type }),
          };
          const method = request.method ?? 'GET';
          const body = method === 'GET' ? undefined : Buffer.concat(chunks);
          void fetch(app.url + (request.url ?? ''), {
            method,
            headers,
            ...(body === undefined ? {} : { body }),
          }).then(async (answer) => {
            response.writeHead(answer.status, { etag: answer.headers.get('etag') ?? '' });
            response.end(await answer.text());
          });
        });
        return undefined;
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const result = await run({ server: `http://127.0.0.1:${String(port)}`, audience: app.url });
      server.closeAllConnections();
      server.close();
      return result;
    }

    it('tries again when the trouble passes', async () => {
      let asked = 0;
      const result = await through((path) =>
        path.includes('/values') && (asked += 1) <= 2
          ? { status: 503, headers: { 'retry-after': '0' } }
          : null,
      );
      expect([result.code, Object.fromEntries(result.env)]).toEqual([0, VALUES]);
    });

    it('gives up when it does not', async () => {
      const result = await through(() => ({ status: 503, headers: { 'retry-after': '0' } }));
      expectFailure(result, /answered 503/);
    });

    it('follows no redirect', async () => {
      const result = await through(() => ({ status: 302, headers: { location: 'http://127.0.0.1:1/' } }));
      expectFailure(result, /answered 302/);
    });

    it.each([
      ['a page', '<html>'],
      ['a line that sets a variable without a delimiter', 'NODE_OPTIONS=--require=/tmp/x\n'],
      ['a variable that does not end', 'A<<X\nvalue\n'],
      ['a name that is none', 'a b<<X\nvalue\nX\n'],
      ['a variable, and something after it', 'A<<X\nvalue\nX\nB=1\n'],
    ])('exports nothing when the values are %s', async (_, body) => {
      const result = await through((path) => (path.includes('/values') ? { status: 200, body } : null));
      expectFailure(result, /something else than variables|half of a variable/);
    });

    it('exports nothing when the exchange gives no token', async () => {
      const result = await through((path) =>
        path.includes('federation') ? { status: 200, body: '{}' } : null,
      );
      expectFailure(result, /answered without access_token/);
    });
  });

  it('says when nobody listens', async () => {
    const result = await run({ server: 'http://127.0.0.1:1' });
    expectFailure(result, /The exchange cannot be reached at http:\/\/127.0.0.1:1/);
  });

  it('describes every input and output that it has, and uses no input inside of its script', async () => {
    const action = parse(await readFile(join(ROOT, 'action.yml'), 'utf8'));
    for (const part of Object.values({ ...action.inputs, ...action.outputs })) {
      expect(part).toMatchObject({ description: expect.stringMatching(/\w/) });
    }
    for (const { run: script } of action.runs.steps) expect(script).not.toContain('${{');
  });
});
