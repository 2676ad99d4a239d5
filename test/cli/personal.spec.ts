import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Coffer } from './support/coffer.js';
import { Workplace } from './support/service.js';
import { inShell } from './support/shell.js';
import { Terminal } from './support/terminal.js';

// The guide of the API family behind door 1 gives these commands; here they are typed into bash as they stand, with our name.

describe('personal secrets, by the command', () => {
  let place: Workplace;
  let coffer: Coffer;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    writeFileSync(coffer.path('tool-config.json'), '{"a": 1}\n');
  });

  afterAll(() => place.close());

  const run: Coffer['run'] = (args, how) => coffer.run(args, how);

  async function stored(name: string): Promise<{ value: string } & Record<string, string>> {
    const client = place.app.as(place.owner);
    const { body: secret } = await client.get(`/api/v2/users/secrets/${name}`).expect(200);
    const { body } = await client.get(`/api/v2/users/secrets/${name}/value`).expect(200);
    return { ...secret, value: body.value };
  }

  describe('the guide, literally', () => {
    const env = { API_KEY: 'key 1', TOKEN: 'token 1', NEW_API_KEY: 'key 2' };
    const typed = (script: string) => inShell(coffer, script, { env });

    it('creates one for a variable, out of a pipe', async () => {
      const { code, stdout, stderr } = await typed(`echo -n "$API_KEY" | coffer secret create api-key \\
  --description "API key for workspace tools" \\
  --env API_KEY`);
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'Created secret api-key.\n', stderr: '' });
      expect(await stored('api-key')).toMatchObject({
        value: 'key 1',
        env_name: 'API_KEY',
        file_path: '',
        description: 'API key for workspace tools',
      });
    });

    it('creates one for a file, out of a file, byte for byte', async () => {
      const { code, stdout, stderr } = await typed(`coffer secret create tool-config \\
  --description "Tool configuration" \\
  --file ~/.config/tool/config.json \\
  < ./tool-config.json`);
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'Created secret tool-config.\n' });
      expect(stderr).toMatch(/warning.*newline/);
      expect(await stored('tool-config')).toMatchObject({
        value: '{"a": 1}\n',
        file_path: coffer.path('.config/tool/config.json'),
      });
    });

    it('creates one for both', async () => {
      const { stdout } = await typed(`echo -n "$TOKEN" | coffer secret create service-token \\
  --description "Service token for workspace tools" \\
  --env SERVICE_TOKEN \\
  --file ~/.config/service/token`);
      expect(stdout).toBe('Created secret service-token.\n');
      expect(await stored('service-token')).toMatchObject({ env_name: 'SERVICE_TOKEN', value: 'token 1' });
    });

    it('updates a value, a variable, and takes a file away', async () => {
      await run(['secret', 'update', 'api-key', '--file', '~/key']);
      for (const script of [
        'echo -n "$NEW_API_KEY" | coffer secret update api-key',
        'coffer secret update api-key --env NEW_API_KEY',
        'coffer secret update api-key --file ""',
      ]) {
        expect(await typed(script)).toMatchObject({ code: 0, stdout: 'Updated secret api-key.\n' });
      }
      expect(await stored('api-key')).toMatchObject({
        value: 'key 2',
        env_name: 'NEW_API_KEY',
        file_path: '',
        description: 'API key for workspace tools',
      });
    });

    it('lists all of them, or one, and never a value', async () => {
      const all = await typed('coffer secret list');
      expect(all.stdout).toMatch(/^NAME +CREATED +UPDATED +ENV +FILE +DESCRIPTION\n/);
      expect(all.stdout).toMatch(/^api-key .*(?:ago|now) .*NEW_API_KEY +API key for workspace tools$/m);
      expect(all.stdout.split('\n')).toHaveLength(5);
      const one = await typed('coffer secret list api-key');
      expect(one.stdout.split('\n')).toHaveLength(3);
      expect(all.stdout + one.stdout).not.toContain('key 2');
    });

    it('deletes one after asking', async () => {
      const terminal = Terminal.open(coffer, ['secret', 'delete', 'api-key']);
      await terminal.shows(/api-key\? \[y\/N\] /);
      terminal.type('yes\r');
      expect(await terminal.ended).toBe(0);
      expect(terminal.shown).toContain('Deleted secret api-key.');
      expect((await run(['secret', 'list', 'api-key'])).code).toBe(1);
    });

    it('creates one by --value, and by a pipe with a variable alone', async () => {
      const byFlag = await typed(`coffer secret create api-key \\
  --value "$API_KEY" \\
  --description "API key for workspace tools" \\
  --env API_KEY`);
      expect(byFlag).toMatchObject({ code: 0, stdout: 'Created secret api-key.\n', stderr: '' });
      expect((await stored('api-key')).value).toBe('key 1');
      await run(['secret', 'rm', 'api-key', '--yes']);
      const byPipe = await typed('echo -n "$API_KEY" | coffer secret create api-key --env API_KEY');
      expect(byPipe).toMatchObject({ code: 0, stdout: 'Created secret api-key.\n', stderr: '' });
    });
  });

  it('says under --help that --value can be seen', async () => {
    expect((await run(['secret', 'create', '--help'])).stdout).toMatch(
      /--value shows\s+up in the shell’s history/,
    );
  });

  it('lists nothing as nothing on stdout, and an empty array for programs', async () => {
    const nina = await place.app.world.user('nina');
    const env = { COFFER_TOKEN: nina.token };
    expect(await run(['secret', 'list'], { env })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'No secrets found.\n',
    });
    for (const flags of [['--json'], ['--output', 'json'], ['-o', 'json']]) {
      expect(await run(['secret', 'ls', ...flags], { env })).toMatchObject({
        code: 0,
        stdout: '[]\n',
        stderr: '',
      });
    }
  });

  it('lists one secret for programs as an array of one', async () => {
    const { stdout } = await run(['secret', 'list', 'api-key', '--output', 'json']);
    const { value: _, user_id: __, ...shown } = await stored('api-key');
    expect(JSON.parse(stdout)).toEqual([shown]);
    expect((await run(['secret', 'list', '--output', 'xml'])).code).toBe(64);
  });

  it('two values, or none, are wrong usage; an empty stdin counts as none', async () => {
    const create = ['secret', 'create', 'other'];
    const codes = await Promise.all([
      run([...create, '--value', 'canary'], { input: 'canary' }),
      run(create),
      run(['secret', 'update', 'api-key']),
      run(['secret', 'update', 'api-key', '--value', 'canary'], { input: 'canary' }),
    ]);
    expect(codes.map(({ code }) => code)).toEqual([64, 64, 64, 64]);
    expect(codes.map(({ stderr }) => stderr).join('')).not.toContain('canary');
    expect((await stored('api-key')).value).toBe('key 1');
  });

  it('tells every field that is wrong, and what is not there', async () => {
    const refused = await run(['secret', 'create', 'odd', '--env', '1X', '--file', 'relative'], {
      input: 'canary',
    });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/env_name: .*\n.*file_path: /);
    expect(refused.stderr).not.toContain('canary');
    const missing = await run(['secret', 'update', 'nothere', '--env', 'X']);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('Looked for: nothere') });
    const taken = await run(['secret', 'create', 'api-key'], { input: 'x' });
    expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining('already in use') });
  });

  it('takes names with spaces and letters of every script, and shows what could act on a terminal as its code', async () => {
    const name = 'schlüssel 鍵';
    await run(['secret', 'create', name, '--description', 'a\u202eb\x1b[31m'], { input: 'v' });
    const { stdout } = await run(['secret', 'list', name]);
    expect(stdout).toContain('a\\u202eb\\u001b[31m');
    const gone = await run(['secret', 'remove', name, '--yes']);
    expect(gone).toMatchObject({ code: 0, stdout: `Deleted secret ${name}.\n` });
  });

  it('are what `coffer run` writes and sets', async () => {
    mkdirSync(coffer.path('.config'), { recursive: true });
    const { stdout } = await inShell(coffer, 'coffer run -- sh -c \'printf %s "$SERVICE_TOKEN"\'');
    expect(stdout).toBe('token 1');
    expect(readFileSync(coffer.path('.config/service/token'), 'utf8')).toBe('token 1');
  });
});
