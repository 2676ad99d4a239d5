import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { FORMATS } from '../../src/formats/format.js';
import { HARD_VALUES } from '../formats/hard-values.js';
import { readGithubEnvFile, readGithubMasks } from '../formats/readers/github-env-file.js';
import type { Coffer } from './support/coffer.js';
import { Workplace } from './support/service.js';
import { inShell } from './support/shell.js';
import { SHELLS } from '../formats/readers/shells.js';

/** Small enough that all of them fit into the environment of one process. */
const HARD = Object.values(HARD_VALUES).filter((value) => value.length < 4_096);
const hardName = (index: number): string => `hard.value-${String(index)}`;
const PRINT_ENVIRONMENT = `"${process.execPath}" -e 'process.stdout.write(JSON.stringify(process.env))'`;

describe('export', () => {
  let place: Workplace;
  let coffer: Coffer;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    for (const env of ['hard', 'copy', 'pod', 'hollow']) {
      await place.app.world.environment(`acme/web/${env}`, place.owner);
    }
    const values = Object.fromEntries(HARD.map((value, index) => [hardName(index), value]));
    writeFileSync(coffer.path('hard.json'), JSON.stringify(values));
    expect((await coffer.run(['import', 'hard.json', '--env', 'acme/web/hard'])).code).toBe(0);
    writeFileSync(coffer.path('plain.env'), 'API_KEY=s3cret-value\ndb-url=postgres://x?a=b\nSHORT=abc\n');
    expect((await coffer.run(['import', 'plain.env'])).code).toBe(0);
  });

  afterAll(() => place.close());

  const run: Coffer['run'] = (args, how) => coffer.run(args, how);
  const inHard = { env: { COFFER_ENV: 'acme/web/hard' } };

  it.each(FORMATS.filter((format) => !format.startsWith('github')))(
    '%s is byte for byte what the service itself writes',
    async (format) => {
      const query = format === 'k8s' ? 'format=k8s&namespace=web' : `format=${format}`;
      const { text } = await place.app.as(place.owner).get(`/acme/web/envs/dev/values?${query}`).expect(200);
      const more = format === 'k8s' ? ['--namespace', 'web'] : [];
      const { code, stdout } = await run(['export', '--format', format, ...more]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: text });
    },
  );

  it('is dotenv without a format, and JSON with --json', async () => {
    const plain = await run(['export']);
    expect(plain.stdout).toBe((await run(['export', '--format', 'dotenv'])).stdout);
    expect(plain.stdout).toMatch(/^DB_URL='postgres:\/\/x\?a=b'$/m);
    const json = await run(['--json', 'export']);
    expect(JSON.parse(json.stdout)).toMatchObject({ 'db-url': 'postgres://x?a=b' });
    expect((await run(['export', '--json', '--format', 'yaml'])).code).toBe(64);
  });

  it.each(SHELLS)(
    'eval of the shell format gives %s every hard value, and not one variable more',
    async (shell) => {
      const script = `eval "$(coffer export --format shell)" && exec ${PRINT_ENVIRONMENT}`;
      const env = { ...inHard.env, LC_ALL: 'C.UTF-8' };
      const { code, stdout, stderr } = await inShell(coffer, script, { shell, env });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const got: Record<string, string> = JSON.parse(stdout);
      HARD.forEach((value, index) => {
        expect([index, got[`HARD_VALUE_${String(index)}`]]).toEqual([index, value]);
      });
      expect(got).not.toHaveProperty('EVIL');
    },
  );

  it('carries every hard value to other environments: json and yaml under its name, k8s under its variable', async () => {
    for (const format of ['json', 'yaml', 'k8s']) {
      const { stdout } = await run(['export', '--format', format], inHard);
      const target = ['--env', `acme/web/${format === 'k8s' ? 'pod' : 'copy'}`];
      const taken = await run(['import', '-', '--format', format, ...target], { input: stdout });
      expect([format, taken.code]).toEqual([format, 0]);
      if (format !== 'k8s') {
        expect((await run(['diff', 'hard', 'copy', '--exit-code', ...target])).code).toBe(0);
        continue;
      }
      const got: Record<string, string> = JSON.parse((await run(['export', '--json', ...target])).stdout);
      HARD.forEach((value, index) => {
        expect([index, got[`HARD_VALUE_${String(index)}`]]).toEqual([index, value]);
      });
    }
  });

  it.each(['docker', 'dotenv', 'gitlab-dotenv', 'compose', 'systemd'])(
    '%s refuses what it cannot carry, names all of it and shows none of it',
    async (format) => {
      writeFileSync(coffer.path('kept'), 'as it was');
      const { code, stdout, stderr } = await run(['export', '--format', format, '-o', 'kept'], inHard);
      const answer = await place.app
        .as(place.owner)
        .get(`/acme/web/envs/hard/values?format=${format}`)
        .expect(422);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      for (const { name } of answer.body.details) expect(stderr).toContain(`  ${name}: `);
      expect(stderr).not.toContain('EVIL');
      expect(readFileSync(coffer.path('kept'), 'utf8')).toBe('as it was');
    },
  );

  it('refuses a format that is not known, and flags of another one, before it asks for anything', async () => {
    const env = { COFFER_SERVER: 'http://127.0.0.1:1' };
    const wrong = [
      ['--format', 'toml'],
      ['--name', 'x'],
      ['--namespace', 'x', '--format', 'json'],
      ['-o', ''],
    ];
    for (const args of wrong) expect((await run(['export', ...args], { env })).code).toBe(64);
  });

  it('stops at a secret without a value, names it, and goes on when that one may be missing', async () => {
    await run(['declare', 'HOLLOW'], { env: { COFFER_ENV: 'acme/web/hollow' } });
    const hollow = { env: { COFFER_ENV: 'acme/web/hollow' } };
    const stopped = await run(['export'], hollow);
    expect(stopped).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('HOLLOW') });
    expect(await run(['export', '--allow-missing', 'HOLLOW'], hollow)).toMatchObject({ code: 0, stdout: '' });
    const unknown = await run(['export', '--only', 'API_KEY,NOPE']);
    expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('NOPE') });
  });

  describe('-o', () => {
    it('makes a file for its owner alone, replaces one as a whole, and leaves nothing beside it', async () => {
      writeFileSync(coffer.path('open.env'), 'old\n', { mode: 0o644 });
      for (const name of ['new.env', 'open.env']) {
        expect((await run(['export', '-o', name])).stdout).toBe('');
        expect((lstatSync(coffer.path(name)).mode & 0o777).toString(8)).toBe('600');
        expect(readFileSync(coffer.path(name), 'utf8')).toMatch(/^API_KEY=s3cret-value$/m);
      }
      expect(readdirSync(coffer.home).filter((name) => name.includes('.tmp'))).toEqual([]);
    });

    it('follows no symbolic link, and does not make folders up', async () => {
      writeFileSync(coffer.path('target'), 'mine');
      symlinkSync('target', coffer.path('link.env'));
      expect((await run(['export', '-o', 'link.env'])).code).toBe(1);
      expect(readFileSync(coffer.path('target'), 'utf8')).toBe('mine');
      expect((await run(['export', '-o', 'no/such/folder.env'])).code).toBe(1);
    });
  });

  describe('github-env', () => {
    it('prints the masks first, then adds the variables to $GITHUB_ENV and keeps what stands there', async () => {
      writeFileSync(coffer.path('github'), 'BEFORE=1');
      const env = { ...inHard.env, GITHUB_ENV: coffer.path('github') };
      const { code, stdout } = await run(['export', '--format', 'github-env'], { env });
      expect(code).toBe(0);
      const masks = readGithubMasks(stdout);
      const lines = HARD.flatMap((value) => value.split(/\r\n|[\r\n]/)).filter(
        (line) => [...line].length >= 4,
      );
      expect(lines.filter((line) => !masks.includes(line))).toEqual([]);
      const got = readGithubEnvFile(readFileSync(coffer.path('github'), 'utf8'));
      expect(got.get('BEFORE')).toBe('1');
      HARD.forEach((value, index) => {
        expect([index, got.get(`HARD_VALUE_${String(index)}`)]).toEqual([index, value]);
      });
      expect(got.size).toBe(HARD.length + 1);
    });

    it('writes to the file of -o instead, masks still first', async () => {
      const env = { GITHUB_ENV: coffer.path('untouched') };
      const { stdout } = await run(['export', '--format', 'github-env', '-o', 'vars'], { env });
      expect(readGithubMasks(stdout)).toContain('s3cret-value');
      expect(readGithubEnvFile(readFileSync(coffer.path('vars'), 'utf8')).get('API_KEY')).toBe(
        's3cret-value',
      );
      expect(existsSync(coffer.path('untouched'))).toBe(false);
    });

    it('without either is wrong usage, and reads nothing', async () => {
      const before = await place.app.events('acme');
      for (const env of [{}, { GITHUB_ENV: '' }]) {
        expect(await run(['export', '--format', 'github-env'], { env })).toMatchObject({
          code: 64,
          stdout: '',
        });
      }
      expect(await place.app.events('acme')).toHaveLength(before.length);
    });
  });

  it('names a Secret of Kubernetes after project and environment, or as it is told', async () => {
    const { stdout } = await run(['export', '--format', 'k8s']);
    expect(parse(stdout)).toMatchObject({ kind: 'Secret', type: 'Opaque', metadata: { name: 'web-dev' } });
    const named = await run(['export', '--format', 'k8s', '--name', 'app', '--namespace', 'prod']);
    expect(parse(named.stdout).metadata).toEqual({ name: 'app', namespace: 'prod' });
    expect((await run(['export', '--format', 'k8s', '--name', 'Not A Name'])).code).toBe(64);
  });
});
