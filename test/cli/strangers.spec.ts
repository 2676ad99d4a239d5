import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { RequestListener } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Coffer, type Ended } from './support/coffer.js';
import { Stranger } from './support/stranger.js';

const CREDENTIAL = 'cofp_canary-credential';

describe('against a server that is not Coffer', () => {
  let coffer: Coffer;

  beforeAll(() => {
    coffer = new Coffer({ COFFER_ENV: 'acme/web/dev', COFFER_TOKEN: CREDENTIAL });
  });

  afterAll(() => {
    coffer.close();
  });

  async function against<T>(answer: RequestListener, ask: (server: Stranger) => Promise<T>): Promise<T> {
    const stranger = await Stranger.open(answer);
    try {
      return await ask(stranger);
    } finally {
      await stranger.close();
    }
  }

  const run = (server: { url: string }, args: readonly string[], env = {}): Promise<Ended> =>
    coffer.run(args, { env: { COFFER_SERVER: server.url, ...env } });

  const json =
    (body: unknown): RequestListener =>
    (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };

  describe('JSON that means nothing is 69, and nothing is printed, started or called a success', () => {
    const COMMANDS = [
      ['list'],
      ['whoami'],
      ['get', 'KEY'],
      ['check'],
      ['history', 'KEY'],
      ['export'],
      ['run', '--', 'echo', 'started'],
      ['diff', 'dev', 'prod'],
      ['secret', 'list'],
      ['org', 'list'],
      ['token', 'list', 'acme/web'],
      ['audit', 'tail'],
    ];

    it.each([
      ['an empty object', {}, COMMANDS],
      ['null', null, COMMANDS.slice(0, 1)],
      ['a text', 'canary', COMMANDS.slice(1, 3)],
      ['a list of nothing', [null], COMMANDS.slice(0, 2)],
    ])('%s', async (_, body, commands) => {
      const ended = await against(json(body), (server) =>
        Promise.all(commands.map((args) => run(server, args))),
      );
      expect(ended.map(({ code }, index) => [commands[index], code])).toEqual(
        commands.map((args) => [args, 69]),
      );
      expect(ended.map(({ stdout }) => stdout).join('')).toBe('');
    });
  });

  it('a page in the place of a stream is 69, and is not written as a trail', async () => {
    const page: RequestListener = (request, response) => {
      const isHead = request.url?.includes('/head') === true;
      const head = { seq: 1, hash: 'h', at: 't', signature: 's', publicKey: 'k' };
      response.writeHead(200, { 'content-type': isHead ? 'application/json' : 'text/html' });
      response.end(isHead ? JSON.stringify(head) : '<html>');
    };
    expect(await against(page, (server) => run(server, ['audit', 'export']))).toMatchObject({
      code: 69,
      stdout: '',
    });
  });

  describe('an answer that does not end is 69', () => {
    const endless =
      (status: number, pauseMs: number): RequestListener =>
      (_, response) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        const piece = Buffer.alloc(pauseMs === 0 ? 1024 * 1024 : 1, ' ');
        const more = (): void => {
          if (response.destroyed) return;
          if (pauseMs > 0) setTimeout(more, pauseMs);
          else response.once('drain', more);
          response.write(piece);
        };
        more();
      };

    it('however fast or slowly it comes, and where only a refusal was expected', async () => {
      const ended = await Promise.all([
        against(endless(200, 0), (server) => run(server, ['list'])),
        against(endless(200, 200), (server) => run(server, ['list', '--timeout', '1'])),
        against(endless(500, 200), (server) => run(server, ['audit', 'export', '--timeout', '1'])),
      ]);
      expect(ended.map(({ code }) => code)).toEqual([69, 69, 69]);
    });
  });

  describe('what is no HTTP is 69, and says so', () => {
    it.each([
      ['words', 'SSH-2.0-OpenSSH_9.2\r\n'],
      ['a head without an end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`],
      ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n[]'],
      ['nothing', ''],
    ])('%s', async (_, text) => {
      const server = createServer((socket: Socket) => {
        socket.on('error', () => undefined);
        socket.end(text);
      });
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      const { port } = server.address() as AddressInfo;
      try {
        const { code, stderr } = await run({ url: `http://127.0.0.1:${String(port)}` }, ['list']);
        expect(code).toBe(69);
        expect(stderr).toMatch(text === '' ? /dropped/ : /no HTTP server/);
      } finally {
        server.close();
      }
    });
  });

  describe('the credential', () => {
    it('goes through no proxy that the environment names', async () => {
      await against(json([]), async (proxy) => {
        const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'];
        const env = Object.fromEntries(names.map((name) => [name, proxy.url]));
        const ended = await against(json([]), (server) =>
          run(server, ['list', '--json'], { ...env, NODE_USE_ENV_PROXY: '1' }),
        );
        expect(ended).toMatchObject({ code: 0, stdout: '[]\n' });
        expect(proxy.requests).toHaveLength(0);
      });
    });

    it('and a password and a value follow no redirect', async () => {
      await against(json({}), async (other) => {
        const elsewhere: RequestListener = (_, response) => {
          response.writeHead(307, { location: `${other.url}/x` }).end();
        };
        await against(elsewhere, async (server) => {
          const login = ['login', '--login', 'olivia', '--password-stdin'];
          const env = { COFFER_SERVER: server.url };
          expect((await coffer.run(login, { env, input: 'canary' })).code).toBe(69);
          expect((await coffer.run(['set', 'KEY'], { env, input: 'canary' })).code).toBe(69);
          expect((await run(server, ['run', '--watch', '--', 'echo', 'started'])).stdout).toBe('');
        });
        expect(other.requests).toHaveLength(0);
      });
    });

    it('takes the next page from no other server than the first', async () => {
      await against(json([]), async (other) => {
        const paged: RequestListener = (request, response) => {
          const isFirst = request.url?.includes('cursor') !== true;
          const link = isFirst ? { link: `<${other.url}/x?cursor=next>; rel="next"` } : {};
          response.writeHead(200, { 'content-type': 'application/json', ...link }).end('[]');
        };
        expect((await against(paged, (server) => run(server, ['list', '--json']))).code).toBe(0);
        expect(other.requests).toHaveLength(0);
      });
    });

    it('of a saved session reaches no other server, nor does what renews it, whatever is asked', async () => {
      const session = {
        accessToken: 'canary',
        refreshToken: 'canary',
        expiresAt: '2020-01-01T00:00:00.000Z',
      };
      const logins = { 'http://127.0.0.1:1': { who: 'olivia', session } };
      mkdirSync(coffer.path('config/coffer'), { recursive: true });
      const saved = JSON.stringify({ current: 'http://127.0.0.1:1', logins });
      writeFileSync(coffer.path('config/coffer/credentials.json'), saved);
      const env = { XDG_CONFIG_HOME: coffer.path('config'), COFFER_TOKEN: undefined };
      await against(json({}), async (other) => {
        const commands = [['whoami'], ['list'], ['run', '--', 'true'], ['org', 'list'], ['get', 'KEY']];
        const ended = commands.map((args) => coffer.run(['--server', other.url, ...args], { env }));
        const logout = await coffer.run(['logout'], { env: { ...env, COFFER_SERVER: other.url } });
        expect((await Promise.all(ended)).map(({ code }) => code)).toEqual(commands.map(() => 77));
        expect(logout.stderr).toContain('no saved login');
        expect(other.requests).toHaveLength(0);
      });
    });
  });
});
