import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  chmodSync,
  readlinkSync,
  lstatSync,
} from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { printed, until, type Coffer, type Ended } from './support/coffer.js';
import { Workplace } from './support/service.js';
import { Terminal } from './support/terminal.js';

/** Counts the signals that it gets, says each on stdout, and ends with 9 when its stdin ends. */
const COUNTER = `
  const counts = {};
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH']) {
    process.on(signal, () => {
      counts[signal] = (counts[signal] ?? 0) + 1;
      require('node:fs').writeFileSync(process.env.COUNTS, JSON.stringify(counts));
    });
  }
  console.log('counting for ' + process.ppid);
  if (!process.stdin.isTTY) process.stdin.on('end', () => process.exit(9)).resume();
  setTimeout(() => process.exit(9), 20000);
`;

describe('coffer run', () => {
  let place: Workplace;
  let coffer: Coffer;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    await secret('DATABASE_URL', 'postgres://canary-database');
    await secret('api-key.live', 'canary-key');
  });

  afterAll(() => place.close());

  async function secret(name: string, value?: string): Promise<void> {
    const owner = place.app.as(place.owner);
    await owner.post('/acme/web/envs/dev/secrets', { kind: 'Secret', name }).expect(201);
    if (value !== undefined)
      await owner.put(`/acme/web/envs/dev/secrets/${name}/value`, { value }).expect(200);
  }

  async function forget(name: string): Promise<void> {
    await place.app.as(place.owner).delete(`/acme/web/envs/dev/secrets/${name}`).expect(200);
  }

  async function personal(body: object): Promise<void> {
    await place.app.as(place.owner).post('/api/v2/users/me/secrets', body).expect(201);
  }

  const shell = (
    script: string,
    how: Parameters<Coffer['run']>[1] = {},
    flags: readonly string[] = [],
  ): Promise<Ended> => coffer.run(['run', ...flags, '--', 'sh', '-c', script], how);

  describe('what the child gets', () => {
    it('is the parent’s environment with the secrets over it, in the form of variables', async () => {
      const { stdout } = await shell('echo "$KEPT|$DATABASE_URL|$API_KEY_LIVE"', {
        env: { KEPT: 'kept', DATABASE_URL: 'the parent’s' },
      });
      expect(stdout).toBe('kept|postgres://canary-database|canary-key\n');
    });

    it('is not Coffer’s own token, nor a value in anybody’s arguments, nor in the parent’s environment', async () => {
      writeFileSync(
        coffer.path('look.sh'),
        'env; echo; cat /proc/$PPID/cmdline /proc/$$/cmdline; tr "\\0" "\\n" < /proc/$PPID/environ',
      );
      const { stdout } = await coffer.run(['run', '--', 'sh', 'look.sh']);
      const [environment = '', others = ''] = stdout.split('\n\n');
      expect(environment).toContain('canary-database');
      expect(environment).not.toMatch(/^COFFER_TOKEN=/m);
      expect(others).toMatch(/^COFFER_TOKEN=/m);
      expect(others).not.toContain('canary');
    });

    it('is only what --only names; --no-personal leaves out one’s own', async () => {
      await personal({ name: 'mine', value: 'canary-mine', env_name: 'MINE' });
      expect(
        (await shell('echo "$DATABASE_URL|$API_KEY_LIVE|$MINE"', {}, ['--only', 'api-key.live'])).stdout,
      ).toBe('|canary-key|canary-mine\n');
      expect((await shell('echo "$MINE"', {}, ['--no-personal'])).stdout).toBe('\n');
      expect((await shell('echo', {}, ['--only', 'NOBODY'])).code).toBe(1);
    });

    it('is one’s own secret before the environment’s of the same variable, and a token has none of its own', async () => {
      await personal({ name: 'over', value: 'canary-over', env_name: 'API_KEY_LIVE' });
      const { token } = await place.app.world.serviceToken(place.owner, 'consumer', 'acme/web/dev');
      const script = 'echo "$API_KEY_LIVE|$MINE"';
      expect((await shell(script)).stdout).toBe('canary-over|canary-mine\n');
      expect((await shell(script, { env: { COFFER_TOKEN: token } })).stdout).toBe('canary-key|\n');
      await place.app.as(place.owner).delete('/api/v2/users/me/secrets/over').expect(204);
    });

    it('is stdin, untouched', async () => {
      expect((await shell('cat', { input: 'through\n' })).stdout).toBe('through\n');
    });

    it('is a pipe that the shell has put among the arguments', async () => {
      const by = ['bash', '-c', '"$@" <(printf one) <(printf two)', 'bash'];
      expect((await coffer.run(['run', '--', 'cat'], { by })).stdout).toBe('onetwo');
    });

    it('shows nothing of it in the debug log of Node', async () => {
      const { stderr, code } = await shell('exit 4', {
        env: { NODE_DEBUG: 'http,net,child_process,stream' },
      });
      expect(code).toBe(4);
      expect(stderr).toBe('');
    });
  });

  describe('nothing starts with half of its secrets', () => {
    it('stops with 3 and the names when a value is missing', async () => {
      await secret('HOLLOW');
      const stopped = await shell('echo started');
      expect(stopped).toMatchObject({ code: 3, stdout: '' });
      expect(stopped.stderr).toContain('HOLLOW');
      expect((await shell('echo started', {}, ['--allow-missing', 'OTHER'])).code).toBe(3);
      expect((await shell('echo "started$HOLLOW"', {}, ['--allow-missing', 'HOLLOW'])).stdout).toBe(
        'started\n',
      );
      await forget('HOLLOW');
    });

    it('stops when the environment would be too large, and names the largest secret', async () => {
      const names = Array.from({ length: 34 }, (_, index) => `LARGE_${String(index)}`);
      const changes = names.flatMap((name) => [
        { op: 'declare', name },
        { op: 'set', name, value: 'x'.repeat(65_000) },
      ]);
      await place.app.as(place.owner).post('/acme/web/envs/dev/changes', { changes }).expect(200);
      await secret('LARGEST', 'x'.repeat(65_536));
      const { code, stderr, stdout } = await shell('echo started');
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/LARGEST/);
      expect(stderr).not.toContain('xxx');
      expect((await shell('echo started', {}, ['--only', 'LARGEST'])).stdout).toBe('started\n');
      const away = [...names, 'LARGEST'].map((name) => ({ op: 'delete', name }));
      await place.app.as(place.owner).post('/acme/web/envs/dev/changes', { changes: away }).expect(200);
    });

    it('stops when a file cannot be written', async () => {
      writeFileSync(coffer.path('no-folder'), '');
      const stopped = await shell('echo started', {}, ['--file', 'DATABASE_URL=no-folder/x']);
      expect(stopped).toMatchObject({ code: 1, stdout: '' });
    });
  });

  describe('files', () => {
    it('are made for this user alone, with their folders, and go with the child', async () => {
      const path = coffer.path('made/for/it');
      const { stdout } = await shell(
        'stat -c %a "$DATABASE_URL_FILE" "$(dirname "$DATABASE_URL_FILE")"; cat "$DATABASE_URL_FILE"; echo "|$DATABASE_URL"',
        {},
        ['--file', `DATABASE_URL=${path}`],
      );
      expect(stdout).toBe('600\n700\npostgres://canary-database|\n');
      expect(existsSync(path)).toBe(false);
    });

    it('in the home are found with ~/', async () => {
      const { stdout } = await shell('cat ~/in-home; echo "$DATABASE_URL_FILE"', {}, [
        '--file',
        'DATABASE_URL=~/in-home',
      ]);
      expect(stdout).toBe(`postgres://canary-database${coffer.path('in-home')}\n`);
    });

    it('are refused where something is already, a dangling link too, and that stays as it is', async () => {
      writeFileSync(coffer.path('taken'), 'mine');
      symlinkSync('nowhere', coffer.path('dangling'));
      for (const name of ['taken', 'dangling']) {
        const { code, stdout } = await shell('echo started', {}, ['--file', `DATABASE_URL=${name}`]);
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      }
      expect(readFileSync(coffer.path('taken'), 'utf8')).toBe('mine');
      expect(readlinkSync(coffer.path('dangling'))).toBe('nowhere');
      expect(existsSync(coffer.path('nowhere'))).toBe(false);
    });

    it('of one’s own are new with 0600, keep the mode that they have, and stay', async () => {
      await personal({ name: 'new-file', value: 'canary-new', file_path: '~/.own/deep/new' });
      await personal({ name: 'old-file', value: 'canary-old', file_path: coffer.path('old') });
      writeFileSync(coffer.path('old'), 'before');
      chmodSync(coffer.path('old'), 0o640);
      expect((await shell('cat ~/.own/deep/new old')).stdout).toBe('canary-newcanary-old');
      const mode = (name: string): number => statSync(coffer.path(name)).mode & 0o777;
      expect([mode('.own/deep'), mode('.own/deep/new'), mode('old')]).toEqual([0o700, 0o600, 0o640]);
      expect(readFileSync(coffer.path('old'), 'utf8')).toBe('canary-old');
    });

    it('of one’s own never go through a link in the last part', async () => {
      writeFileSync(coffer.path('victim'), 'untouched');
      symlinkSync(coffer.path('victim'), coffer.path('link'));
      await personal({ name: 'linked', value: 'canary-linked', file_path: coffer.path('link') });
      expect((await shell('cat link')).stdout).toBe('canary-linked');
      expect(readFileSync(coffer.path('victim'), 'utf8')).toBe('untouched');
      expect(lstatSync(coffer.path('link')).isFile()).toBe(true);
    });

    it('of one’s own in the place of a folder stop everything', async () => {
      mkdirSync(coffer.path('folder'));
      await personal({ name: 'in-folder', value: 'v', file_path: coffer.path('folder') });
      expect(await shell('echo started')).toMatchObject({ code: 1, stdout: '' });
      await place.app.as(place.owner).delete('/api/v2/users/me/secrets/in-folder').expect(204);
    });

    it.each([
      ['without a path', ['--file', 'DATABASE_URL']],
      ['twice the same secret', ['--file', 'DATABASE_URL=a', '--file', 'DATABASE_URL=b']],
      ['of a secret that is not there', ['--file', 'NOBODY=a']],
      ['of a secret that --only leaves out', ['--only', 'api-key.live', '--file', 'DATABASE_URL=a']],
    ])('are refused %s', async (_, flags) => {
      expect(await shell('echo started', {}, flags)).toMatchObject({ code: 64, stdout: '' });
    });
  });

  describe('how it ends', () => {
    it('is how the child ended, from 0 to 255', async () => {
      const codes = [0, 1, 2, 3, 64, 126, 128, 255];
      const ended = await Promise.all(
        codes.map((code) => shell(`exit ${String(code)}`, {}, ['--no-personal'])),
      );
      expect(ended.map(({ code }) => code)).toEqual(codes);
    });

    it('is 128 and the signal’s number when a signal ended the child', async () => {
      const ended = await Promise.all(
        ['TERM', 'KILL', 'INT', 'HUP', 'SEGV', 'QUIT', 'ABRT', 'USR1', 'PIPE', 'XFSZ', 'SYS'].map((name) =>
          shell(`ulimit -c 0; kill -${name} $$`),
        ),
      );
      expect(ended.map(({ code }) => code)).toEqual([143, 137, 130, 129, 139, 131, 134, 138, 141, 153, 159]);
    });

    it('is 127 for what is not found and 126 for what cannot be executed', async () => {
      writeFileSync(coffer.path('no-program'), 'text', { mode: 0o644 });
      const run = async (command: string): Promise<number | null> =>
        (await coffer.run(['run', '--', command])).code;
      expect([await run('no-such-program'), await run('./no-program'), await run('/')]).toEqual([
        127, 126, 126,
      ]);
    });

    it('is 64 when there is nothing to run', async () => {
      expect((await coffer.run(['run'])).code).toBe(64);
      expect((await coffer.run(['run', '--'])).code).toBe(64);
      expect((await coffer.run(['run', '--nonsense', '--', 'true'])).code).toBe(64);
    });

    it('puts no shell between: arguments arrive as they are', async () => {
      const { stdout } = await coffer.run(['run', '--', 'printf', '%s|', '$HOME', '*', '', '--watch', 'a b']);
      expect(stdout).toBe('$HOME|*||--watch|a b|');
    });
  });

  describe('signals', () => {
    const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
    const once = Object.fromEntries(SIGNALS.map((signal) => [signal, 1]));

    const counter = (): string[] => ['run', '--no-personal', '--', process.execPath, '-e', COUNTER];
    const countsPath = (): string => coffer.path('counts');

    function counts(): Record<string, number> {
      return existsSync(countsPath()) ? JSON.parse(readFileSync(countsPath(), 'utf8') || '{}') : {};
    }

    async function each(send: (signal: NodeJS.Signals) => void): Promise<void> {
      for (const signal of SIGNALS) {
        send(signal);
        await until(signal, () => counts()[signal] !== undefined);
      }
      // What comes twice comes within this time.
      await new Promise((resolve) => setTimeout(resolve, 300));
    }

    beforeEach(() => {
      writeFileSync(countsPath(), '');
    });

    it('to the command alone reach the child, each once', async () => {
      const child = coffer.start(counter(), { env: { COUNTS: countsPath() } });
      await printed(child, /counting/);
      await each((signal) => child.kill(signal));
      expect(counts()).toEqual(once);
      child.stdin?.end();
      await closed(child);
    });

    it('to the whole group reach the child, each once', async () => {
      const child = startGroup();
      await printed(child, /counting/);
      await each((signal) => process.kill(-(child.pid ?? 0), signal));
      expect(counts()).toEqual(once);
      child.stdin?.end();
      await closed(child);
    });

    it('typed on a terminal reach the child, each once; so do those that somebody sends to the command there', async () => {
      const terminal = Terminal.open(coffer, counter(), { COUNTS: countsPath() });
      await terminal.shows(/counting for \d+/);
      const pid = Number(/counting for (\d+)/.exec(terminal.shown)?.[1]);
      terminal.type('\x03');
      await until('INT', () => counts()['SIGINT'] !== undefined);
      terminal.type('\x1c');
      await until('QUIT', () => counts()['SIGQUIT'] !== undefined);
      for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
        process.kill(pid, signal);
        await until(signal, () => counts()[signal] !== undefined);
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(counts()).toEqual({ SIGINT: 1, SIGQUIT: 1, SIGTERM: 1, SIGHUP: 1 });
      process.kill(pid, 'SIGKILL');
      await terminal.ended;
    });

    it('are not lost when what stands beside the child to hear of them is stopped', async () => {
      const child = coffer.start(counter(), { env: { COUNTS: countsPath() } });
      await printed(child, /counting/);
      const pid = String(child.pid);
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
      const shells = children.filter((each) =>
        readFileSync(`/proc/${each}/cmdline`, 'utf8').includes('trap'),
      );
      expect(shells).toHaveLength(1);
      process.kill(Number(shells[0]), 'SIGSTOP');
      child.kill('SIGTERM');
      await until('TERM', () => counts()['SIGTERM'] === 1);
      child.stdin?.end();
      await closed(child);
    });

    it('end the command with the child’s own code, and with its file', async () => {
      const child = coffer.start([
        'run',
        '--file',
        'DATABASE_URL=signalled',
        '--',
        'sh',
        '-c',
        'trap "exit 42" TERM; echo ready; while :; do sleep 0.05; done',
      ]);
      const ended = coffer.output(child);
      await printed(child, /ready/);
      expect(existsSync(coffer.path('signalled'))).toBe(true);
      child.kill('SIGTERM');
      expect((await ended).code).toBe(42);
      expect(existsSync(coffer.path('signalled'))).toBe(false);
    });

    async function closed(child: ChildProcess): Promise<void> {
      if (child.exitCode === null) await new Promise((resolve) => child.once('close', resolve));
      expect(child.exitCode).toBe(9);
    }

    function startGroup(): ChildProcess {
      return coffer.start(counter(), { env: { COUNTS: countsPath() }, detached: true });
    }
  });
});
