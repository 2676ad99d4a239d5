import { openSync } from 'node:fs';
import type { Coffer, Ended } from './support/coffer.js';
import { Workplace } from './support/service.js';

describe('stdin, stdout and stderr that are not as usual', () => {
  let place: Workplace;
  let coffer: Coffer;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    await coffer.run(['declare', 'KEY']);
    await coffer.run(['set', 'KEY'], { input: 'canary' });
  });

  afterAll(() => place.close());

  const PRINTING = [
    ['--version'],
    ['--help'],
    ['list', '--help'],
    ['list'],
    ['get', 'KEY'],
    ['export'],
    ['config'],
    ['completion', 'bash'],
  ];

  /** In a shell, in which the command is "$@". */
  const shell = (script: string, args: readonly string[]): Promise<Ended> =>
    coffer.run(args, { by: ['bash', '-c', script, 'bash'] });

  it('a reader that leaves early is no news: nothing is said, and it is no success', async () => {
    const ended = await Promise.all(
      PRINTING.map((args) => shell('{ sleep 0.01; "$@"; echo "code $?" >&2; } | true', args)),
    );
    expect(ended.map(({ stderr }) => stderr)).toEqual(PRINTING.map(() => 'code 1\n'));
  });

  it('a full disk is told, in one line, and is no success', async () => {
    const ended = await Promise.all(
      PRINTING.map((args) =>
        coffer.output(coffer.start(args, { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] })),
      ),
    );
    expect(ended.map(({ code }) => code)).toEqual(PRINTING.map(() => 1));
    expect(new Set(ended.map(({ stderr }) => stderr))).toEqual(
      new Set(['coffer: stdout cannot be written: no space left on the device.\n']),
    );
  });

  it('a full disk below stderr keeps nobody from working', async () => {
    expect(await shell('"$@" 2>/dev/full', ['list', '--env', 'acme/web/nowhere'])).toMatchObject({ code: 1 });
    expect((await shell('"$@" 2>/dev/full', ['describe', 'KEY', '--description', 'x'])).code).toBe(0);
  });

  it('closed ones are taken for empty and for nobody', async () => {
    expect((await shell('exec "$@" <&- >&- 2>&-', ['list'])).code).toBe(0);
    expect((await shell('exec "$@" <&-', ['set', 'KEY'])).code).toBe(64);
    expect((await shell('exec "$@" <&-', ['delete', 'KEY'])).code).toBe(1);
    expect((await shell('exec "$@" <&-', ['login'])).code).toBe(64);
    expect((await shell('exec "$@" <&- >&- 2>&-', ['run', '--', 'sh', '-c', 'exit 5'])).code).toBe(5);
  });

  it('a slow reader gets all of a large value', async () => {
    const value = 'v'.repeat(65_536);
    await coffer.run(['set', 'KEY'], { input: value });
    const { stdout } = await shell('"$@" | { sleep 0.5; cat; }', ['get', 'KEY']);
    expect(stdout).toBe(value);
    await coffer.run(['set', 'KEY'], { input: 'canary' });
  });

  it.each([
    ['export', ['export', '--format', 'xml']],
    ['import', ['import', '-', '--format', 'xml']],
    ['list one’s own', ['secret', 'list', '--output', 'xml']],
    ['complete for', ['completion', 'tcsh']],
  ])('a format to %s that there is not is 64', async (_, args) => {
    expect(await coffer.run(args)).toMatchObject({ code: 64, stdout: '' });
  });

  it('the debug log of Node shows neither credential nor value, whatever is logged', async () => {
    const env = { NODE_DEBUG: '*', NODE_DEBUG_NATIVE: '*' };
    const commands = [['list'], ['get', 'KEY'], ['run', '--', 'true']].map((args) =>
      coffer.run(args, { env }),
    );
    const set = coffer.run(['set', 'KEY'], { env, input: 'canary' });
    const login = coffer.run(['login', '--login', 'nobody', '--password-stdin'], { env, input: 'canary' });
    const said = (await Promise.all([...commands, set, login])).map(({ stderr }) => stderr).join('');
    expect(said).not.toContain('canary');
    expect(said).not.toContain(place.owner.token);
  });
});
