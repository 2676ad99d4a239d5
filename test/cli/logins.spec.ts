import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { TestApp } from '../support/app.js';
import { PASSWORD, type Person } from '../support/world.js';
import { Coffer, until, type Ended } from './support/coffer.js';
import { Line } from './support/line.js';
import { Stranger } from './support/stranger.js';

const LOGINS = '.config/coffer/credentials.json';
const LOCK = `${LOGINS}.lock`;

describe('a saved login', () => {
  let app: TestApp;
  let owner: Person;
  let line: Line;
  let coffer: Coffer;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    await app.world.environment('acme/web/dev', owner);
    line = await Line.to(app.url);
  });

  afterAll(async () => {
    await line.close();
    await app.close();
  });

  beforeEach(async () => {
    coffer = new Coffer({ COFFER_ENV: 'acme/web/dev' });
    const login = ['login', '--server', line.url, '--login', 'olivia', '--password-stdin'];
    expect((await coffer.run(login, { input: `${PASSWORD}\n` })).code).toBe(0);
  });

  afterEach(() => {
    line.release();
    coffer.close();
  });

  type Session = Record<'accessToken' | 'refreshToken' | 'expiresAt', string>;

  function saved(): Session {
    const { logins } = JSON.parse(readFileSync(coffer.path(LOGINS), 'utf8'));
    return logins[line.url].session;
  }

  function change(session: Partial<Session>, server = line.url): void {
    const login = { who: 'olivia', session: { ...saved(), ...session } };
    writeFileSync(coffer.path(LOGINS), JSON.stringify({ current: server, logins: { [server]: login } }));
  }

  const expire = (): void => {
    change({ expiresAt: '2020-01-01T00:00:00.000Z' });
  };

  const whoami = (): Promise<Ended> => coffer.run(['whoami']);

  describe('is not lost', () => {
    it('when many commands at once find that the service takes its access token no longer', async () => {
      change({ accessToken: 'eyJhbGciOiJIUzI1NiJ9.e30.x' });
      const all = await Promise.all([1, 2, 3, 4, 5, 6].map(whoami));
      expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
      expire();
      expect((await whoami()).code).toBe(0);
    });

    it('when a signal comes between the service’s new tokens and their safe place', async () => {
      for (const [signal, code, args] of [
        ['SIGINT', 130, ['whoami']],
        ['SIGTERM', 143, ['run', '--', 'sh', '-c', 'echo started']],
      ] as const) {
        expire();
        const { refreshToken } = saved();
        line.holdAnswers();
        const child = coffer.start(args);
        const ended = coffer.output(child);
        await until('the answer is on its way', () => line.isHolding);
        child.kill(signal);
        await new Promise((resolve) => setTimeout(resolve, 100));
        line.release();
        expect(await ended).toMatchObject({ code, stdout: '' });
        expect(saved().refreshToken).not.toBe(refreshToken);
        expect(existsSync(coffer.path(LOCK))).toBe(false);
        expire();
        expect((await whoami()).code).toBe(0);
      }
    });

    it('nor does it wait, when a command was killed while it held the lock', async () => {
      expire();
      line.holdRequests();
      const child = coffer.start(['whoami']);
      await until('the request is on its way', () => line.isHolding);
      expect(existsSync(coffer.path(LOCK))).toBe(true);
      child.kill('SIGKILL');
      line.cut();
      line.release();
      const begun = Date.now();
      expect((await Promise.all([whoami(), whoami(), whoami()])).map(({ code }) => code)).toEqual([0, 0, 0]);
      expect(Date.now() - begun).toBeLessThan(10_000);
      expect(existsSync(coffer.path(LOCK))).toBe(false);
    });

    it('when the lock of a machine that is gone lies there', async () => {
      expire();
      writeFileSync(coffer.path(LOCK), '1 elsewhere 0');
      const longAgo = new Date(Date.now() - 3_600_000);
      utimesSync(coffer.path(LOCK), longAgo, longAgo);
      expect((await whoami()).code).toBe(0);
    });

    it('when the service cannot be reached for a while', async () => {
      expire();
      line.die();
      expect((await whoami()).code).toBe(69);
      line.live();
      expect((await whoami()).code).toBe(0);
    });
  });

  it('lets a second signal end the command at once', async () => {
    expire();
    line.holdRequests();
    const child = coffer.start(['whoami']);
    const ended = coffer.output(child);
    await until('the request is on its way', () => line.isHolding);
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(child.exitCode).toBeNull();
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
  });

  it('is not renewed over a token that somebody has saved in its place', async () => {
    const token = { who: 'a token', token: 'cofp_other' };
    const other = await Stranger.open((request, response) => {
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      if (request.url === '/auth/refresh')
        answer(200, { accessToken: 'a', refreshToken: 'r', expiresIn: 900 });
      else {
        writeFileSync(
          coffer.path(LOGINS),
          JSON.stringify({ current: other.url, logins: { [other.url]: token } }),
        );
        answer(401, { error: 'no', code: 'unauthorized' });
      }
    });
    try {
      change({}, other.url);
      expect((await whoami()).code).toBe(77);
      expect(other.requests.map(({ url }) => url)).toEqual(['/auth/me']);
      expect(readFileSync(coffer.path(LOGINS), 'utf8')).toContain(token.token);
    } finally {
      await other.close();
    }
  });

  it('is never taken from the folder that one is in, whatever HOME and XDG_CONFIG_HOME say', async () => {
    mkdirSync(coffer.path('checkout/.config/coffer'), { recursive: true });
    mkdirSync(coffer.path('checkout/coffer'));
    const planted = { current: 'http://127.0.0.1:1', logins: {} };
    for (const place of ['.config/coffer', 'coffer'])
      writeFileSync(coffer.path(`checkout/${place}/credentials.json`), JSON.stringify(planted));
    const all = [{ HOME: '' }, { HOME: '.' }, { HOME: '.', XDG_CONFIG_HOME: '.' }].map(async (env) => {
      const { stdout } = await coffer.run(['config', '--json'], { env, cwd: coffer.path('checkout') });
      return JSON.parse(stdout).server.value;
    });
    expect(await Promise.all(all)).not.toContain('http://127.0.0.1:1');
  });

  it('that others could read is closed to them, with a warning', async () => {
    chmodSync(coffer.path(LOGINS), 0o640);
    const { code, stderr } = await whoami();
    expect(code).toBe(0);
    expect(stderr).toMatch(/^coffer: warning: .*open to others/);
    expect(statSync(coffer.path(LOGINS)).mode & 0o777).toBe(0o600);
    expect((await whoami()).stderr).toBe('');
  });

  it('that is broken is 78 where one is needed, and in nobody’s way where a token is given for a server', async () => {
    for (const text of ['', '{"logins": []}', '{"current": null, "logins": {"x": {}}}']) {
      writeFileSync(coffer.path(LOGINS), text);
      const { code, stderr } = await whoami();
      expect([code, stderr]).toEqual([78, expect.stringContaining('credentials.json')]);
    }
    const env = { COFFER_TOKEN: owner.token, COFFER_SERVER: app.url };
    expect((await coffer.run(['whoami'], { env })).code).toBe(0);
  });
});
