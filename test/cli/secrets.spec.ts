import { writeFileSync } from 'node:fs';
import type { Coffer } from './support/coffer.js';
import { Workplace } from './support/service.js';

describe('the secrets of an environment, by the command', () => {
  let place: Workplace;
  let coffer: Coffer;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
  });

  afterAll(() => place.close());

  const run: Coffer['run'] = (args, how) => coffer.run(args, how);

  async function declared(name: string, value?: string | Uint8Array): Promise<void> {
    expect((await run(['declare', name])).code).toBe(0);
    if (value !== undefined) expect((await run(['set', name], { input: value })).code).toBe(0);
  }

  describe('declare, describe, list', () => {
    it('declares a name, and says what is next on stderr', async () => {
      const made = await run(['declare', 'DATABASE_URL', '--description', 'the primary']);
      expect(made).toMatchObject({ code: 0, stdout: '' });
      expect(made.stderr).toContain('coffer set DATABASE_URL');
    });

    it('lists names, values’ presence, versions, times and descriptions in a table', async () => {
      const { code, stdout } = await run(['list']);
      expect(code).toBe(0);
      const [heading, row] = stdout.split('\n');
      expect(heading).toMatch(/^NAME +HAS VALUE +VERSION +UPDATED +DESCRIPTION$/);
      expect(row).toMatch(/^DATABASE_URL {2}no {9}- {8}.+ {2}the primary$/);
    });

    it('lists the same for programs as the service says it', async () => {
      const { stdout } = await run(['list', '--json']);
      const { body } = await place.app.as(place.owner).get('/acme/web/envs/dev/secrets').expect(200);
      expect(JSON.parse(stdout)).toEqual(body);
    });

    it('aligns wide characters, and lets no description act on the terminal', async () => {
      await run(['describe', 'DATABASE_URL', '--description', '主データベース \x1b[31m\u202e']);
      await run(['declare', 'ZULU', '--description', 'plain']);
      const { stdout } = await run(['list']);
      expect(stdout).toContain('主データベース \\u001b[31m\\u202e\n');
      expect(stdout).not.toContain('\x1b');
      const rows = stdout.split('\n');
      expect(rows[2]?.indexOf('plain')).toBe(rows[1]?.indexOf('主'));
    });

    it('refuses a name that the service refuses, with its reason and exit code 1', async () => {
      const { code, stderr } = await run(['declare', 'PATH']);
      expect(code).toBe(1);
      expect(stderr).toMatch(/reserved/);
      expect((await run(['declare', 'ZULU'])).code).toBe(1);
    });

    it('takes a description away with an empty one', async () => {
      await run(['describe', 'ZULU', '--description', '']);
      expect(JSON.parse((await run(['list', '--json'])).stdout)[1]).toMatchObject({ description: null });
    });
  });

  describe('set', () => {
    it.each([
      ['text', 'plain'],
      ['many lines and a newline at the end', 'line one\nline two\n'],
      ['no text of this world', '\u0001 "\'`$\\ 漢字 😀 \r\n\t'],
    ])('keeps %s byte for byte from stdin', async (_, value) => {
      await run(['declare', 'BYTES']);
      expect((await run(['set', 'BYTES'], { input: value })).code).toBe(0);
      expect((await run(['get', 'BYTES'])).stdout).toBe(value);
    });

    it('keeps a file byte for byte', async () => {
      writeFileSync(coffer.path('value'), 'from\na file\n');
      expect((await run(['set', 'BYTES', '--from-file', 'value'])).code).toBe(0);
      expect((await run(['get', 'BYTES'])).stdout).toBe('from\na file\n');
    });

    it('warns of the newline that echo adds, and keeps it', async () => {
      const { stderr } = await run(['set', 'BYTES'], { input: 'echoed\n' });
      expect(stderr).toMatch(/warning.*newline/);
      expect((await run(['get', 'BYTES'])).stdout).toBe('echoed\n');
    });

    it('does not let a failing producer blank a secret, unless told to', async () => {
      expect(await run(['set', 'BYTES'], { input: '' })).toMatchObject({ code: 64, stdout: '' });
      expect((await run(['get', 'BYTES'])).stdout).toBe('echoed\n');
      expect((await run(['set', 'BYTES', '--allow-empty'], { input: '' })).code).toBe(0);
      expect(await run(['get', 'BYTES'])).toMatchObject({ code: 0, stdout: '' });
    });

    it('lets an empty file set the empty value', async () => {
      writeFileSync(coffer.path('empty'), '');
      expect((await run(['set', 'BYTES', '--from-file', 'empty'])).code).toBe(0);
    });

    it('refuses two sources of a value, and a value as an argument', async () => {
      writeFileSync(coffer.path('value'), 'x');
      expect((await run(['set', 'BYTES', '--from-file', 'value'], { input: 'y' })).code).toBe(64);
      const argument = await run(['set', 'BYTES', 'canary-argument']);
      expect(argument.code).toBe(64);
      const flag = await run(['set', 'BYTES', '--value=canary-argument']);
      expect(flag.code).toBe(64);
      expect(argument.stderr + flag.stderr).not.toContain('canary');
    });

    it('refuses what is no text, and what is too large, without showing it', async () => {
      const binary = await run(['set', 'BYTES'], { input: Buffer.from([0x63, 0x61, 0xff, 0xfe]) });
      const zero = await run(['set', 'BYTES'], { input: 'canary\0' });
      const large = await run(['set', 'BYTES'], { input: 'canary'.repeat(20_000) });
      expect([binary.code, zero.code, large.code]).toEqual([1, 1, 1]);
      expect(binary.stderr + zero.stderr + large.stderr).not.toContain('canary');
    });

    it('sets only the version that was expected', async () => {
      await run(['declare', 'EXPECTED']);
      expect((await run(['set', 'EXPECTED', '--if-version', '0'], { input: 'a' })).code).toBe(0);
      const late = await run(['set', 'EXPECTED', '--if-version', '0'], { input: 'b' });
      expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining('present version is 1') });
      expect(
        JSON.parse((await run(['set', 'EXPECTED', '--if-version', '1', '--json'], { input: 'b' })).stdout),
      ).toMatchObject({ version: 2 });
    });

    it('never declares what is not declared', async () => {
      expect((await run(['set', 'NOBODY'], { input: 'x' })).code).toBe(1);
    });
  });

  it('get tells a missing value from a missing secret', async () => {
    await declared('HOLLOW');
    expect(await run(['get', 'HOLLOW'])).toMatchObject({ code: 3, stdout: '' });
    expect(await run(['get', 'NOBODY'])).toMatchObject({ code: 1, stdout: '' });
    expect(await run(['get', '..'])).toMatchObject({ code: 1, stdout: '' });
  });

  it('check names what has no value and exits with 3, until all have one', async () => {
    expect(await run(['check'])).toMatchObject({ code: 3, stdout: 'DATABASE_URL\nHOLLOW\nZULU\n' });
    for (const name of ['DATABASE_URL', 'HOLLOW', 'ZULU']) await run(['set', name], { input: 'v' });
    expect(await run(['check'])).toMatchObject({ code: 0, stdout: '' });
  });

  it('history and rollback go back to an earlier value as a new version', async () => {
    await declared('TURNED', 'first');
    await run(['set', 'TURNED'], { input: 'second' });
    expect((await run(['rollback', 'TURNED', '--to', '1'])).code).toBe(0);
    expect((await run(['get', 'TURNED'])).stdout).toBe('first');
    expect((await run(['get', 'TURNED', '--at', '2'])).stdout).toBe('second');
    const { stdout } = await run(['history', 'TURNED']);
    expect(
      stdout
        .split('\n')
        .slice(1, 4)
        .map((line) => line[0]),
    ).toEqual(['3', '2', '1']);
    expect(stdout).toMatch(/^3 .*olivia +current$/m);
    const { body } = await place.app
      .as(place.owner)
      .get('/acme/web/envs/dev/secrets/TURNED/versions')
      .expect(200);
    expect(JSON.parse((await run(['history', 'TURNED', '--json'])).stdout)).toEqual(body);
  });

  it('a version that there is not, and no version at all, are refused in their own ways', async () => {
    const unknown = await run(['rollback', 'TURNED', '--to', '99']);
    const zero = await run(['rollback', 'TURNED', '--to', '0']);
    const none = await run(['rollback', 'TURNED']);
    expect([unknown.code, zero.code, none.code]).toEqual([1, 64, 64]);
    await declared('NEVER_SET');
    expect(await run(['history', 'NEVER_SET'])).toMatchObject({ code: 0, stdout: '' });
    expect((await run(['history', 'NEVER_SET', '--json'])).stdout).toBe('[]\n');
    expect((await run(['list', '--missing', '--json'])).stdout).toContain('NEVER_SET');
  });

  describe('delete and restore', () => {
    it('asks first, and takes anything but yes for a no', async () => {
      const no = await run(['delete', 'TURNED'], { input: 'no\n' });
      const nothing = await run(['delete', 'TURNED']);
      expect([no.code, nothing.code]).toEqual([1, 1]);
      expect((await run(['get', 'TURNED'])).code).toBe(0);
      expect((await run(['delete', 'TURNED'], { input: 'y\n' })).code).toBe(0);
      expect((await run(['get', 'TURNED'])).code).toBe(1);
    });

    it('brings it back with its versions, and deletes without asking when told to', async () => {
      expect((await run(['list', '--deleted'])).stdout).toContain('TURNED');
      expect((await run(['restore', 'TURNED'])).code).toBe(0);
      expect((await run(['get', 'TURNED'])).stdout).toBe('first');
      const deleted = await run(['delete', 'TURNED', '--yes', '--json']);
      expect(JSON.parse(deleted.stdout)).toEqual({ deleted: true, name: 'TURNED' });
    });

    it('says what was looked for when there is nothing to delete or to restore', async () => {
      for (const args of [
        ['delete', 'NOBODY', '--yes'],
        ['restore', 'NOBODY'],
      ]) {
        const { code, stderr } = await run(args);
        expect([code, stderr]).toEqual([1, expect.stringContaining('Looked for: NOBODY in acme/web/dev')]);
      }
    });
  });

  it('exits with 77 for what one may not do, and names the permission', async () => {
    const viewer = await place.app.world.serviceToken(place.owner, 'viewer', 'acme/web/dev');
    const refused = await run(['get', 'BYTES'], { env: { COFFER_TOKEN: viewer.token } });
    expect(refused.code).toBe(77);
    expect(refused.stderr).toContain('secrets:get-value');
  });
});
