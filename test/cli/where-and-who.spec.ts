import { chmodSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { TestApp } from '../support/app.js';
import { PASSWORD, type Person } from '../support/world.js';
import { Coffer } from './support/coffer.js';
import { Stranger } from './support/stranger.js';

const LOGINS = '.config/coffer/credentials.json';

describe('where the command goes, and as whom', () => {
  let app: TestApp;
  let owner: Person;
  let coffer: Coffer;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    await app.world.environment('acme/web/dev', owner);
  });

  afterAll(() => app.close());

  beforeEach(() => {
    coffer = new Coffer();
  });

  afterEach(() => {
    coffer.close();
  });

  async function logIn(): Promise<void> {
    const login = ['login', '--server', app.url, '--login', 'olivia', '--password-stdin'];
    expect((await coffer.run(login, { input: `${PASSWORD}\n` })).code).toBe(0);
  }

  type Session = Record<'accessToken' | 'refreshToken' | 'expiresAt', string>;

  function savedFile(): { current: string | null; logins: Record<string, { session: Session }> } {
    return JSON.parse(readFileSync(coffer.path(LOGINS), 'utf8'));
  }

  function saved(): Session {
    const login = savedFile().logins[app.url];
    if (login === undefined) throw new Error('there is no saved login');
    return login.session;
  }

  function letItExpire(): Session {
    const session = { ...saved(), expiresAt: '2020-01-01T00:00:00.000Z' };
    writeFileSync(
      coffer.path(LOGINS),
      JSON.stringify({ current: app.url, logins: { [app.url]: { who: 'olivia', session } } }),
    );
    return session;
  }

  describe('login', () => {
    it('saves the login for the user alone, and later commands need nothing else', async () => {
      await logIn();
      expect(statSync(coffer.path(LOGINS)).mode & 0o777).toBe(0o600);
      expect(statSync(coffer.path('.config/coffer')).mode & 0o777).toBe(0o700);
      expect(readFileSync(coffer.path(LOGINS), 'utf8')).not.toContain(PASSWORD);
      expect(await coffer.run(['whoami'])).toMatchObject({
        code: 0,
        stdout: 'olivia (olivia@example.com)\n',
      });
    });

    it('is closed to others again, its folder too, by whatever reads it', async () => {
      await logIn();
      chmodSync(coffer.path('.config/coffer'), 0o755);
      chmodSync(coffer.path(LOGINS), 0o644);
      expect((await coffer.run(['whoami'])).stderr).toContain('were open to others');
      expect(statSync(coffer.path(LOGINS)).mode & 0o777).toBe(0o600);
      expect(statSync(coffer.path('.config/coffer')).mode & 0o777).toBe(0o700);
    });

    it('is told to programs, and so is its end, and what was chosen', async () => {
      const json = async (args: readonly string[], input?: string): Promise<unknown> =>
        JSON.parse((await coffer.run([...args, '--json'], input === undefined ? {} : { input })).stdout);
      const login = ['login', '--server', app.url, '--login', 'olivia', '--password-stdin'];
      expect(await json(login, PASSWORD)).toEqual({ server: app.url, who: 'olivia' });
      expect(await json(['use', 'acme/web/dev'])).toEqual({
        env: 'acme/web/dev',
        file: coffer.path('.coffer.json'),
      });
      expect(await json(['logout', '--server', app.url])).toEqual({ server: app.url, who: 'olivia' });
      expect(await json(['logout', '--server', app.url])).toEqual({ server: app.url, who: null });
    });

    it('saves under XDG_CONFIG_HOME where that is set', async () => {
      const env = { XDG_CONFIG_HOME: coffer.path('xdg') };
      await coffer.run(['login', '--server', app.url, '--token-stdin'], { input: owner.token, env });
      expect(statSync(coffer.path('xdg/coffer/credentials.json')).mode & 0o777).toBe(0o600);
    });

    it('refuses a wrong password with 77, and a missing one with 64, and saves nothing', async () => {
      const wrong = ['login', '--server', app.url, '--login', 'nobody', '--password-stdin'];
      const refused = await coffer.run(wrong, { input: 'canary wrong password' });
      expect(refused.code).toBe(77);
      expect(refused.stderr).not.toContain('canary');
      expect((await coffer.run(['login', '--server', app.url, '--login', 'olivia'])).code).toBe(64);
      expect((await coffer.run(['login', '--server', app.url])).code).toBe(64);
      expect((await coffer.run(['login', '--server', app.url, '--token-stdin'])).code).toBe(64);
      expect(() => saved()).toThrow('ENOENT');
    });

    it('renews a session that has expired, and keeps the new one', async () => {
      await logIn();
      const { refreshToken } = letItExpire();
      expect((await coffer.run(['whoami'])).code).toBe(0);
      expect(saved().refreshToken).not.toBe(refreshToken);
      expect(Date.parse(saved().expiresAt)).toBeGreaterThan(Date.now());
    });

    it('renews it once when many commands find it expired together', async () => {
      await logIn();
      letItExpire();
      const all = await Promise.all([1, 2, 3, 4].map(() => coffer.run(['whoami'])));
      expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
      expect((await coffer.run(['whoami'])).code).toBe(0);
    });

    it('says how to log in again when the session was ended elsewhere', async () => {
      await logIn();
      await app.as(saved().accessToken).post('/auth/logout').expect(204);
      const { code, stderr } = await coffer.run(['whoami']);
      expect(code).toBe(77);
      expect(stderr).toContain(`coffer login --server ${app.url}`);
    });
  });

  it('logout ends the session there and forgets it here', async () => {
    await logIn();
    const { accessToken } = saved();
    expect((await coffer.run(['logout'])).code).toBe(0);
    await app.as(accessToken).get('/auth/me').expect(401);
    expect(savedFile()).toEqual({ current: null, logins: {} });
    expect((await coffer.run(['whoami', '--server', app.url])).code).toBe(77);
  });

  describe('the first place that names something wins', () => {
    it('for the credential: a file, the environment, the saved login', async () => {
      const token = await app.world.serviceToken(owner, 'viewer', 'acme/web/dev');
      const other = await app.world.serviceToken(owner, 'member', 'acme/web/dev');
      await logIn();
      writeFileSync(coffer.path('token'), `${token.token}\n`);
      const env = { COFFER_TOKEN: other.token };
      expect((await coffer.run(['whoami', '--token-file', 'token'], { env })).stdout).toContain('viewer');
      expect((await coffer.run(['whoami'], { env })).stdout).toContain('member');
      expect((await coffer.run(['whoami'], { env: { COFFER_TOKEN: '' } })).stdout).toContain('olivia');
    });

    it('for the environment: a flag, the environment, the nearest file upwards', async () => {
      mkdirSync(coffer.path('project/deep/down'), { recursive: true });
      const cwd = coffer.path('project/deep/down');
      expect((await coffer.run(['use', 'acme/web/outer'])).code).toBe(0);
      expect((await coffer.run(['use', 'acme/web/dev'], { cwd: coffer.path('project') })).code).toBe(0);
      const chosen = async (args: readonly string[], env = {}): Promise<{ value: string; source: string }> =>
        JSON.parse((await coffer.run(['config', '--json', ...args], { cwd, env })).stdout).env;
      expect(await chosen(['--env', 'a/b/c'], { COFFER_ENV: 'd/e/f' })).toEqual({
        value: 'a/b/c',
        source: '--env',
      });
      expect(await chosen([], { COFFER_ENV: 'd/e/f' })).toEqual({ value: 'd/e/f', source: 'COFFER_ENV' });
      expect(await chosen([])).toEqual({
        value: 'acme/web/dev',
        source: join(coffer.path('project'), '.coffer.json'),
      });
    });

    it('for the server: a flag, the environment, the saved login, the default', async () => {
      const server = async (args: readonly string[], env = {}): Promise<string> =>
        JSON.parse((await coffer.run(['config', '--json', ...args], { env })).stdout).server.value;
      expect(await server([])).toBe('http://127.0.0.1:8080');
      await logIn();
      expect(await server([])).toBe(app.url);
      expect(await server([], { COFFER_SERVER: 'https://b.example' })).toBe('https://b.example');
      expect(await server(['--server', 'https://a.example/'], { COFFER_SERVER: 'https://b.example' })).toBe(
        'https://a.example',
      );
    });

    it.each([
      [['--env', 'bad'], {}, 64, '“bad” is no environment'],
      [[], { COFFER_ENV: 'bad' }, 64, 'COFFER_ENV names no environment'],
      [[], { COFFER_SERVER: 'bad' }, 78, 'COFFER_SERVER names no server'],
    ] as const)('config %j %j: shows that it is not usable, and why', async (args, env, code, problem) => {
      const ended = await coffer.run(['config', ...args], { env });
      expect(ended.code).toBe(code);
      expect(ended.stdout).toContain('not usable, see below');
      expect(ended.stderr).toContain(problem);
    });

    it('config never shows a token', async () => {
      const { stdout } = await coffer.run(['config'], { env: { COFFER_TOKEN: owner.token } });
      expect(stdout).toContain('COFFER_TOKEN');
      expect(stdout).not.toContain(owner.token.slice(8, -8));
    });
  });

  describe('exit codes of what is wrong before anything is sent', () => {
    it.each([
      ['an unknown command', ['lst'], 64],
      ['an unknown flag', ['list', '--nonsense'], 64],
      ['no command', [], 64],
      ['a malformed environment', ['list', '--env', 'acme/web'], 64],
      ['an environment in the wrong alphabet', ['use', 'Acme/web/dev'], 64],
      ['a malformed server', ['list', '--server', 'ftp://x', '--env', 'a/b/c'], 64],
      ['no environment', ['list', '--token-file', 'token'], 78],
      ['no credential', ['list', '--env', 'acme/web/dev'], 77],
      ['an unreadable token file', ['list', '--env', 'acme/web/dev', '--token-file', 'nowhere'], 77],
      ['an asked-for help', ['list', '--help'], 0],
    ])('%s', async (_, args, code) => {
      writeFileSync(coffer.path('token'), 'cofp_x');
      const ended = await coffer.run(args);
      expect(ended.code).toBe(code);
      if (code !== 0) expect(ended).toMatchObject({ stdout: '', stderr: expect.stringMatching(/./) });
    });

    it.each(['{', '[]', '{"env": 1}', '{"env": "acme/web"}', '{}'])(
      'a broken .coffer.json (%s) is 78',
      async (text) => {
        writeFileSync(coffer.path('.coffer.json'), text);
        const { code, stderr } = await coffer.run(['list'], { env: { COFFER_TOKEN: 'x' } });
        expect(code).toBe(78);
        expect(stderr).toContain('.coffer.json');
      },
    );
  });

  describe('a server that is not ours, or not well', () => {
    async function against(
      answer: RequestListener,
      args: readonly string[] = ['list', '--timeout', '1'],
    ): Promise<{ code: number | null; stderr: string; seen: string }> {
      const stranger = await Stranger.open(answer);
      try {
        const env = {
          COFFER_TOKEN: 'cofp_canary-credential',
          COFFER_SERVER: stranger.url,
          COFFER_ENV: 'acme/web/dev',
        };
        const { code, stderr } = await coffer.run(args, { env });
        return { code, stderr, seen: JSON.stringify(stranger.requests.map(({ headers }) => headers)) };
      } finally {
        await stranger.close();
      }
    }

    it('that answers with a page is 69, and the page stays out of the terminal', async () => {
      for (const status of [200, 404, 502]) {
        const { code, stderr } = await against((_, response) => {
          response.writeHead(status, { 'content-type': 'text/html' }).end('<html>canary</html>');
        });
        expect([status, code]).toEqual([status, 69]);
        expect(stderr).not.toContain('canary');
      }
    });

    it('that says nothing is 69 when the time is up', async () => {
      const { code, stderr } = await against(() => undefined);
      expect(code).toBe(69);
      expect(stderr).toMatch(/within 1 second/);
    });

    it('that falls silent in the middle is 69', async () => {
      const { code } = await against((_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).write('[');
      });
      expect(code).toBe(69);
    });

    it('that drops the connection is 69, in the head and in the middle', async () => {
      const head = await against((request) => request.socket.destroy());
      const middle = await against((request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('[');
        setTimeout(() => request.socket.destroy(), 50);
      });
      expect([head.code, middle.code]).toEqual([69, 69]);
    });

    it('that is gone is 69', async () => {
      const env = { COFFER_TOKEN: 'x', COFFER_SERVER: 'http://127.0.0.1:9', COFFER_ENV: 'acme/web/dev' };
      const { code, stderr } = await coffer.run(['list'], { env });
      expect(code).toBe(69);
      expect(stderr).toContain('http://127.0.0.1:9');
    });

    it('that redirects is not followed: the credential does not reach the other one', async () => {
      const other = await Stranger.open((_, response) => response.end());
      try {
        for (const status of [301, 302, 307, 308]) {
          const { code } = await against((_, response) => {
            response.writeHead(status, { location: `${other.url}/elsewhere` }).end();
          });
          expect(code).toBe(69);
        }
        expect(other.requests).toHaveLength(0);
      } finally {
        await other.close();
      }
    });

    it('whose refusals try to act on the terminal is shown as text', async () => {
      const { code, stderr } = await against((_, response) => {
        response.writeHead(409, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ error: 'no \x1b]0;title\x07 way', code: 'conflict' }));
      });
      expect(code).toBe(1);
      expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
    });

    it('never gets a credential that was saved for another', async () => {
      await logIn();
      const other = await Stranger.open((_, response) => response.end());
      try {
        const { code } = await coffer.run(['list', '--server', other.url, '--env', 'acme/web/dev']);
        expect(code).toBe(77);
        writeFileSync(
          coffer.path('.coffer.json'),
          JSON.stringify({ env: 'acme/web/dev', server: other.url }),
        );
        expect((await coffer.run(['list'])).code).toBe(0);
        expect(other.requests).toHaveLength(0);
      } finally {
        await other.close();
      }
    });
  });

  describe('without what a person has', () => {
    const token = (): Record<string, string> => ({
      COFFER_TOKEN: owner.token,
      COFFER_SERVER: app.url,
      COFFER_ENV: 'acme/web/dev',
    });

    it('runs without a home, where a token is given', async () => {
      expect((await coffer.run(['list'], { env: { ...token(), HOME: undefined } })).code).toBe(0);
      expect((await coffer.run(['list'], { env: { ...token(), HOME: '/nonexistent' } })).code).toBe(0);
    });

    it('says that the folder is gone, and works in it where that does not matter', async () => {
      const by = ['sh', '-c', 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', 'sh'];
      expect((await coffer.run(['list'], { env: token(), by })).code).toBe(0);
      const { code, stderr } = await coffer.run(['use', 'acme/web/dev'], { by });
      expect([code, stderr]).toEqual([78, expect.stringContaining('is gone')]);
    });

    it('waits as long as it is told to, be it for years', async () => {
      expect((await coffer.run(['list', '--timeout', '999999999'], { env: token() })).code).toBe(0);
    });

    it('says why a login cannot be saved', async () => {
      writeFileSync(coffer.path('file'), '');
      const env = { ...token(), XDG_CONFIG_HOME: coffer.path('file') };
      const { code, stderr } = await coffer.run(['login', '--token-stdin'], { input: owner.token, env });
      expect(code).toBe(78);
      expect(stderr).toContain('cannot be saved');
    });

    it('runs with stdin closed, and takes that for no value', async () => {
      await coffer.run(['declare', 'CLOSED'], { env: token() });
      const child = coffer.start(['set', 'CLOSED'], { env: token(), stdio: ['ignore', 'pipe', 'pipe'] });
      expect((await coffer.output(child)).code).toBe(64);
    });

    it('tells a full disk from success', async () => {
      const full = coffer.start(['list', '--json'], {
        env: token(),
        stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
      });
      const { code, stderr } = await coffer.output(full);
      expect(code).toBe(1);
      expect(stderr).toMatch(/no space left/);
    });
  });

  it('closes saved logins that others could read', async () => {
    await logIn();
    chmodSync(coffer.path(LOGINS), 0o644);
    expect((await coffer.run(['whoami'])).code).toBe(0);
    expect(statSync(coffer.path(LOGINS)).mode & 0o777).toBe(0o600);
  });
});
