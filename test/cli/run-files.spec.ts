import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { printed, until, type Coffer, type Ended } from './support/coffer.js';
import { Line } from './support/line.js';
import { Workplace } from './support/service.js';

/** Nobody else's processes have it. */
const NEEDLE = randomBytes(12).toString('hex');
const LARGE = NEEDLE.repeat(1_250);

describe('the files of coffer run', () => {
  let place: Workplace;
  let coffer: Coffer;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    for (const [name, value] of [
      ['SMALL', 'small'],
      ['LARGE', LARGE],
    ] as const) {
      await place.app
        .as(place.owner)
        .post('/acme/web/envs/dev/secrets', { kind: 'Secret', name })
        .expect(201);
      await place.app.as(place.owner).put(`/acme/web/envs/dev/secrets/${name}/value`, { value }).expect(200);
    }
  });

  afterAll(() => place.close());

  const run = (flags: readonly string[], script: string, by: readonly string[] = []): Promise<Ended> =>
    coffer.run(['run', ...flags, '--', 'sh', '-c', script], { by });

  /** A disk that is full after a kilobyte, as far as this process can tell. */
  const FULL = ['sh', '-c', 'ulimit -f 2; exec "$@"', 'sh'];

  function leftovers(folder: string): string[] {
    return existsSync(coffer.path(folder)) ? readdirSync(coffer.path(folder)) : [];
  }

  describe('that cannot be written keep everything from starting, and nothing is left behind', () => {
    it('when the disk is full after the first of them', async () => {
      const ended = await run(
        ['--file', 'SMALL=full/small', '--file', 'LARGE=full/large'],
        'echo started',
        FULL,
      );
      expect(ended).toMatchObject({ code: 1, stdout: '' });
      expect(ended.stderr).toMatch(/full\/large cannot be written: the file is too large\./);
      expect(ended.stderr).not.toContain('canary');
      expect(leftovers('full')).toEqual([]);
    });

    it('when their folder takes none, not even from root', async () => {
      const ended = await run(['--file', 'SMALL=before', '--file', 'LARGE=/proc/coffer/x'], 'echo started');
      expect(ended).toMatchObject({ code: 1, stdout: '' });
      expect(existsSync(coffer.path('before'))).toBe(false);
    });

    it('when a name is too long, or a folder stands in their place', async () => {
      mkdirSync(coffer.path('folder'));
      const long = await run(['--file', `SMALL=${'n'.repeat(300)}`], 'echo started');
      const folder = await run(['--file', 'SMALL=folder'], 'echo started');
      expect([long, folder]).toMatchObject([
        { code: 1, stdout: '' },
        { code: 1, stdout: '' },
      ]);
      expect(leftovers('folder')).toEqual([]);
    });

    it('when two of them are one', async () => {
      symlinkSync('.', coffer.path('here'));
      const twice = await run(['--file', 'SMALL=one', '--file', 'LARGE=here/one'], 'echo started');
      expect(twice).toMatchObject({ code: 1, stdout: '' });
      expect(existsSync(coffer.path('one'))).toBe(false);
    });

    it('when one’s own does not fit on the disk: what was there stays as it was', async () => {
      const body = { name: 'own', value: LARGE, file_path: '~/own' };
      await place.app.as(place.owner).post('/api/v2/users/me/secrets', body).expect(201);
      writeFileSync(coffer.path('own'), 'before', { mode: 0o640 });
      expect(await run([], 'echo started', FULL)).toMatchObject({ code: 1, stdout: '' });
      expect(readFileSync(coffer.path('own'), 'utf8')).toBe('before');
      expect(leftovers('.').filter((name) => name.includes('own'))).toEqual(['own']);
      expect((await run([], 'cmp own own && wc -c < own')).stdout.trim()).toBe(String(LARGE.length));
      expect(statSync(coffer.path('own')).mode & 0o777).toBe(0o640);
      await place.app.as(place.owner).delete('/api/v2/users/me/secrets/own').expect(204);
    });
  });

  it('stand in place of their variable, the parent’s too', async () => {
    const script = 'echo "${SMALL-unset} $(cat "$SMALL_FILE")"';
    const { stdout } = await coffer.run(['run', '--file', 'SMALL=instead', '--', 'sh', '-c', script], {
      env: { SMALL: 'of the parent' },
    });
    expect(stdout).toBe('unset small\n');
  });

  it('keep everything from starting when a secret of one’s own would take the place of their path', async () => {
    const body = { name: 'rival', value: 'rival', env_name: 'SMALL_FILE' };
    await place.app.as(place.owner).post('/api/v2/users/me/secrets', body).expect(201);
    const ended = await run(['--file', 'SMALL=instead'], 'echo started');
    expect(ended).toMatchObject({ code: 64, stdout: '' });
    expect(ended.stderr).toContain('SMALL_FILE, which the secret rival sets already');
    expect((await run(['--no-personal', '--file', 'SMALL=instead'], 'echo started')).stdout).toBe(
      'started\n',
    );
    await place.app.as(place.owner).delete('/api/v2/users/me/secrets/rival').expect(204);
  });

  it('are readable by nobody else at any time, whatever the umask is', async () => {
    const by = ['sh', '-c', 'umask 0; exec "$@"', 'sh'];
    const { stdout } = await run(['--file', 'SMALL=open/to/all'], 'stat -c %a open open/to open/to/all', by);
    expect(stdout).toBe('700\n700\n600\n');
  });

  it('go when a signal kills the child, and when it cannot be started', async () => {
    expect((await run(['--file', 'SMALL=killed'], 'test -f killed && kill -KILL $$')).code).toBe(137);
    expect(existsSync(coffer.path('killed'))).toBe(false);
    expect((await coffer.run(['run', '--file', 'SMALL=unused', '--', 'no-such-program'])).code).toBe(127);
    expect(existsSync(coffer.path('unused'))).toBe(false);
  });

  it('are not missed when the child has taken them away, and nothing else is removed in their place', async () => {
    expect((await run(['--file', 'SMALL=taken'], 'rm taken')).code).toBe(0);
    expect((await run(['--file', 'SMALL=replaced'], 'rm replaced; mkdir replaced')).code).toBe(0);
    expect(statSync(coffer.path('replaced')).isDirectory()).toBe(true);
  });

  it('are not there while the values are still on their way, nor after a signal that comes then', async () => {
    const line = await Line.to(place.app.url);
    try {
      line.holdAnswers();
      const child = coffer.start(['run', '--file', 'SMALL=early', '--', 'echo', 'started'], {
        env: { COFFER_SERVER: line.url },
      });
      const ended = coffer.output(child);
      await until('the values are on their way', () => line.isHolding);
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ code: 143, stdout: '' });
      expect(existsSync(coffer.path('early'))).toBe(false);
    } finally {
      await line.close();
    }
  });

  it('hold what no argument and no other environment holds', async () => {
    writeFileSync(
      coffer.path('look.cjs'),
      `const { readdirSync, readFileSync } = require('node:fs');
      const value = readFileSync(process.env.SMALL_FILE, 'utf8') + process.env.LARGE.slice(0, 50);
      const found = [];
      for (const pid of readdirSync('/proc').filter((name) => /^\\d+$/.test(name)))
        for (const file of ['cmdline', 'environ']) {
          if (Number(pid) === process.pid && file === 'environ') continue;
          try {
            const text = readFileSync('/proc/' + pid + '/' + file, 'latin1');
            if (text.includes('canarycanary')) found.push(pid + '/' + file);
          } catch {}
        }
      console.log(value.length, 'SMALL' in process.env, 'COFFER_TOKEN' in process.env, found.join());`,
    );
    const looked = await coffer.run(['run', '--file', 'SMALL=file', '--', process.execPath, 'look.cjs']);
    expect(looked.stdout).toBe('55 false false \n');
  });

  it('go with an exit of the child that a signal to the group brings about', async () => {
    const script = 'trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done';
    const child = coffer.start(['run', '--file', 'SMALL=grouped', '--', 'sh', '-c', script], {
      detached: true,
    });
    const ended = coffer.output(child);
    await printed(child, /ready/);
    process.kill(-(child.pid ?? 0), 'SIGTERM');
    expect((await ended).code).toBe(3);
    expect(existsSync(coffer.path('grouped'))).toBe(false);
  });
});
