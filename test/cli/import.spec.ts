import { writeFileSync } from 'node:fs';
import type { Coffer } from './support/coffer.js';
import { Workplace } from './support/service.js';
import { Terminal } from './support/terminal.js';

describe('import', () => {
  let place: Workplace;
  let coffer: Coffer;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    for (const env of ['many', 'large', 'same', 'slow']) {
      await place.app.world.environment(`acme/web/${env}`, place.owner);
    }
  });

  afterAll(() => place.close());

  const file = (name: string, content: string | Uint8Array): void => {
    writeFileSync(coffer.path(name), content);
  };
  const into = (env: string) => ({ env: { COFFER_ENV: `acme/web/${env}` } });
  const named = (count: number): string =>
    JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`K${String(n)}`, 'v'])));

  async function revision(env: string): Promise<number> {
    const { body } = await place.app.as(place.owner).get(`/acme/web/envs/${env}/readiness`).expect(200);
    return body.revision;
  }

  async function values(env = 'dev'): Promise<Record<string, string>> {
    return JSON.parse((await coffer.run(['export', '--json'], into(env))).stdout);
  }

  it('shows what it would do, does nothing, then does it as one change', async () => {
    file('app.env', 'export A=1 # one\nB="two\nlines"\nC=\n');
    await coffer.run(['declare', 'A']);
    const before = await revision('dev');
    const dry = await coffer.run(['import', 'app.env', '--dry-run']);
    expect(dry.stdout).toBe('NAME  WOULD\nA     set\nB     declare and set\nC     declare and set\n');
    expect(await revision('dev')).toBe(before);
    const done = await coffer.run(['import', 'app.env']);
    expect(done).toMatchObject({ code: 0, stdout: '' });
    expect(done.stderr).toContain('Declared 2 and set 3 in acme/web/dev');
    expect(await revision('dev')).toBe(before + 1);
    expect(await values()).toEqual({ A: '1', B: 'two\nlines', C: '' });
  });

  it.each([
    ['json', '{"D": "json", "E": "\\u00e9\\n"}', { D: 'json', E: 'é\n' }],
    ['yaml', 'D: yaml\nE: |\n  one\n  two\n', { D: 'yaml', E: 'one\ntwo\n' }],
    [
      'k8s',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {D: azhz}\nstringData: {E: text}\n',
      { D: 'k8s', E: 'text' },
    ],
  ])('reads %s from a file and from stdin alike', async (format, content, read) => {
    const name = format === 'json' ? 'file.json' : 'file.yaml';
    file(name, content);
    expect((await coffer.run(['import', name])).code).toBe(0);
    expect(await values()).toMatchObject(read);
    expect((await coffer.run(['import', '-', '--format', format], { input: content })).code).toBe(0);
  });

  it('tells a program what it did, or would do, in one shape', async () => {
    file('two.env', 'A=2\nNEW=x\n');
    const steps = [
      { name: 'A', action: 'set' },
      { name: 'NEW', action: 'declare and set' },
    ];
    const dry = await coffer.run(['import', 'two.env', '--dry-run', '--json']);
    expect(JSON.parse(dry.stdout)).toEqual({ revision: null, steps });
    const done = await coffer.run(['import', 'two.env', '--json']);
    expect(JSON.parse(done.stdout)).toEqual({ revision: await revision('dev'), steps });
  });

  it('declares names alone when told to, and lets present values be', async () => {
    file('names.env', 'A=canary\nONLY_DECLARED=canary\n');
    expect((await coffer.run(['import', 'names.env', '--declare-only'])).stderr).toContain(
      'Declared 1 and set 0',
    );
    const { stdout } = await coffer.run(['list', '--json']);
    const shown = (JSON.parse(stdout) as { name: string; hasValue: boolean }[]).filter(({ name }) =>
      ['A', 'ONLY_DECLARED'].includes(name),
    );
    expect(shown.map(({ hasValue }) => hasValue)).toEqual([true, false]);
    expect((await coffer.run(['get', 'A'])).stdout).toBe('2');
    await coffer.run(['delete', 'ONLY_DECLARED', '--yes']);
  });

  describe('of a file with mistakes', () => {
    it.each([
      [
        'bad.env',
        'GOOD=1\nPATH=canary\nno equals canary\nDUP=a\nDUP=canary\nQ="open canary\nbad name=canary\n',
        [2, 3, 5, 6, 7],
      ],
      ['bad.json', '{\n"A": 1,\n"B": null,\n"C": ["canary"],\n"D": "x",\n"D": "canary"\n}', [2, 3, 4, 6]],
      ['bad.yaml', 'A: 1\nB:\nC: &x canary\nD: *x\nF: ok\nF: canary\n', [1, 2, 3, 4, 4, 6]],
      ['latin1.env', Buffer.from('A=1\nB=caf\xe9\n', 'latin1'), [2]],
    ])('%s: names every line at once, never a value, and sends nothing', async (name, content, lines) => {
      file(name, content);
      const before = await revision('dev');
      const { code, stdout, stderr } = await coffer.run(['import', name]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect([...stderr.matchAll(/:(\d+): /g)].map(([, line]) => Number(line))).toEqual(lines);
      expect(stderr).not.toContain('canary');
      expect(await revision('dev')).toBe(before);
    });

    it('a file that is not there and a format that is not known have exit codes of their own', async () => {
      const missing = await coffer.run(['import', 'nothere.env']);
      expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('no such file') });
      expect((await coffer.run(['import', 'app.env', '--format', 'toml'])).code).toBe(64);
    });
  });

  it('refuses another spelling of what is declared, in a dry run too, and says which', async () => {
    await coffer.run(['declare', 'API_KEY'], into('same'));
    file('same.env', 'api-key=canary\nOTHER=1\n');
    for (const more of [[], ['--dry-run']]) {
      const refused = await coffer.run(['import', 'same.env', ...more], into('same'));
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain('api-key: API_KEY is declared already');
      expect(refused.stderr).not.toContain('canary');
    }
    expect(await revision('same')).toBe(1);
  });

  describe('of more than one request takes', () => {
    it('300 new names are refused, in a dry run too, and come in the two steps that it names', async () => {
      file('many.json', named(300));
      const refused = await coffer.run(['import', 'many.json'], into('many'));
      const dry = await coffer.run(['import', 'many.json', '--dry-run'], into('many'));
      expect([refused.code, dry.code, await revision('many')]).toEqual([1, 1, 0]);
      expect(refused.stderr).toMatch(/needs 600 changes.*takes 500.*--declare-only/);
      expect(dry.stderr).toBe(refused.stderr);
      expect((await coffer.run(['import', 'many.json', '--declare-only'], into('many'))).code).toBe(0);
      expect((await coffer.run(['import', 'many.json'], into('many'))).code).toBe(0);
      expect(await revision('many')).toBe(2);
      expect(Object.keys(await values('many'))).toHaveLength(300);
    });

    it('501 names can only be split', async () => {
      file('more.json', named(501));
      const refused = await coffer.run(['import', 'more.json'], into('large'));
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('Split the file.');
      expect(refused.stderr).not.toContain('--declare-only');
    });

    it('more than 8 MiB are refused with that reason, not as a connection that was dropped', async () => {
      const large = Array.from({ length: 130 }, (_, n) => [`K${String(n)}`, 'x'.repeat(65_000)]);
      file('large.json', JSON.stringify(Object.fromEntries(large)));
      const refused = await coffer.run(['import', 'large.json'], into('large'));
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('8 MiB') });
      expect(await revision('large')).toBe(0);
    });
  });

  it('whoever may declare and not set values is told which permission is missing, and nothing is half done', async () => {
    const member = await place.app.world.serviceToken(place.owner, 'member', 'acme/web/same');
    const env = { COFFER_TOKEN: member.token, COFFER_ENV: 'acme/web/same' };
    file('refused.env', 'SOMETHING=canary\n');
    const refused = await coffer.run(['import', 'refused.env'], { env });
    expect(refused).toMatchObject({ code: 77, stderr: expect.stringContaining('secrets:set-value') });
    expect((await coffer.run(['import', 'refused.env', '--declare-only'], { env })).code).toBe(0);
  });

  it('shows progress on a terminal and none with NO_COLOR, and leaves the line clean', async () => {
    file('slow.json', named(200));
    const import200 = ['import', 'slow.json', '--env', 'acme/web/slow'];
    const watched = Terminal.open(coffer, import200);
    expect(await watched.ended).toBe(0);
    expect(watched.shown).toMatch(/\r\x1b\[KDeclared 200 and set 200/);
    const plain = Terminal.open(coffer, import200, { NO_COLOR: '1' });
    expect(await plain.ended).toBe(0);
    expect(plain.shown).not.toContain('\x1b');
  });
});
