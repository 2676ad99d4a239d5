import type { Person } from '../support/world.js';
import type { Coffer, Ended } from './support/coffer.js';
import { Workplace } from './support/service.js';

describe('organisations and who is in them, by the command', () => {
  let place: Workplace;
  let coffer: Coffer;
  let mia: Person;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    mia = await place.app.world.user('mia');
  });

  afterAll(() => place.close());

  const run: Coffer['run'] = (args, how) => coffer.run(args, how);
  const asMia = (args: readonly string[]): Promise<Ended> => run(args, { env: { COFFER_TOKEN: mia.token } });

  async function json(args: readonly string[]): Promise<unknown> {
    const { code, stdout, stderr } = await run([...args, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  it('creates an organisation, a project and an environment, and says each time what is next', async () => {
    const made = [
      await run(['org', 'create', 'globex', '--name', 'Globex Corp.']),
      await run(['project', 'create', 'globex/shop']),
      await run(['environment', 'create', 'globex/shop/prod']),
    ];
    expect(made.map(({ code, stdout }) => [code, stdout])).toEqual([
      [0, ''],
      [0, ''],
      [0, ''],
    ]);
    expect(made.map(({ stderr }) => /coffer [a-z].*/.exec(stderr)?.[0])).toEqual([
      'coffer project create globex/PROJECT',
      'coffer use globex/shop/default',
      'coffer use globex/shop/prod',
    ]);
  });

  it.each(['Bad Slug', 'x_y', '-x'])('64: %j is no organisation to create', async (slug) => {
    expect(await run(['org', 'create', '--', slug])).toMatchObject({ code: 64, stdout: '' });
  });

  it('lists them with whole paths, and for programs as the service says it', async () => {
    const shown = await Promise.all([
      run(['org', 'list']),
      run(['project', 'list', 'globex']),
      run(['environment', 'list', 'globex/shop']),
    ]);
    expect(shown.map(({ stdout }) => stdout.split('\n').map((line) => line.split(/ {2,}/)[0]))).toEqual([
      ['ORG', 'acme', 'globex', ''],
      ['PROJECT', 'globex/shop', ''],
      ['ENVIRONMENT', 'globex/shop/default', 'globex/shop/prod', ''],
    ]);
    const { body } = await place.app.as(place.owner).get('/globex/shop/environments').expect(200);
    expect(await json(['environment', 'list', 'globex/shop'])).toEqual(body);
    expect(await json(['org', 'list'])).toEqual([
      expect.objectContaining({ slug: 'acme' }),
      expect.objectContaining({ slug: 'globex', name: 'Globex Corp.' }),
    ]);
  });

  it('refuses what is there already, a malformed scope, and what one may not see, each in its own way', async () => {
    const taken = await run(['environment', 'create', 'globex/shop/prod']);
    const malformed = await run(['project', 'create', 'globex']);
    const foreign = await asMia(['project', 'list', 'globex']);
    expect([taken.code, malformed.code, foreign.code]).toEqual([1, 64, 1]);
    expect(foreign.stderr).toContain('Looked for: globex');
  });

  describe('what deletes', () => {
    const all = [
      ['secret', ['delete', 'KEY']],
      ['environment', ['environment', 'delete', 'globex/shop/prod']],
      ['project', ['project', 'delete', 'globex/shop']],
      ['organisation', ['org', 'delete', 'globex']],
      ['member', ['member', 'remove', 'globex', 'olivia']],
      ['role', ['role', 'delete', 'globex', 'rotator']],
      ['token', ['token', 'revoke', 'globex/shop', '0d4c8c5e-0000-4000-8000-000000000000']],
      ['personal secret', ['secret', 'delete', 'key']],
    ] as const;

    it.each(all)('a %s: does nothing when nobody is there to answer, and names --yes', async (_, args) => {
      const before = await place.app.events('globex');
      const refused = await run(args);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toMatch(/\? \[y\/N\] \n.*Nothing was done.*--yes/s);
      expect(await place.app.events('globex')).toHaveLength(before.length);
    });

    it('takes only yes for a yes', async () => {
      for (const answer of ['n\n', '\n', 'yesss\n', 'globex\n']) {
        const { code, stderr } = await run(['org', 'delete', 'globex'], { input: answer });
        expect([answer, code, stderr]).toEqual([answer, 1, expect.stringContaining('Nothing was done.')]);
      }
    });

    it('shows no control character of a name in its question', async () => {
      const { stderr } = await run(['role', 'delete', 'globex', 'x\x1b[2J\u202e']);
      expect(stderr).toContain('x\\u001b[2J\\u202e');
      expect(stderr).not.toContain('\x1b');
    });

    it('never lets a name shorten the path to something above it', async () => {
      for (const name of ['..', '.', '']) {
        const { code } = await run(['role', 'delete', 'globex', name, '--yes']);
        expect(code).toBe(1);
        expect((await run(['member', 'remove', 'globex', name, '--yes'])).code).toBe(1);
      }
      expect((await run(['project', 'list', 'globex'])).code).toBe(0);
    });

    it('says --force where something is in the way, and takes everything with it then', async () => {
      const inside = { env: { COFFER_ENV: 'globex/shop/prod' } };
      await run(['declare', 'KEY'], inside);
      const kept = await run(['environment', 'delete', 'globex/shop/prod', '--yes']);
      const whole = await run(['project', 'delete', 'globex/shop', '--yes']);
      expect([kept.code, whole.code]).toEqual([1, 1]);
      expect(kept.stderr).toContain('with --force');
      expect(whole.stderr).toContain('with --force');
      const asked = await run(['environment', 'delete', 'globex/shop/prod', '--force'], { input: 'y\n' });
      expect(asked).toMatchObject({ code: 0, stderr: expect.stringContaining('with everything in it') });
      expect(await json(['project', 'delete', 'globex/shop', '--force', '--yes'])).toEqual({
        deleted: true,
        name: 'globex/shop',
      });
      expect(await json(['org', 'delete', 'globex', '--yes'])).toEqual({ deleted: true, name: 'globex' });
      expect((await run(['project', 'list', 'globex'])).code).toBe(1);
    });
  });

  describe('members', () => {
    it('are added by name or address, in the organisation or below it', async () => {
      expect((await run(['member', 'add', 'acme', 'mia', '--role', 'viewer'])).code).toBe(0);
      const scoped = await run([
        ...['member', 'add', 'acme', 'mia@example.com', '--role', 'consumer', '--scope', 'acme/web/dev'],
      ]);
      expect(scoped).toMatchObject({ code: 0, stderr: 'mia is consumer in acme/web/dev.\n' });
      const { stdout } = await run(['member', 'list', 'acme']);
      expect(stdout).toMatch(/^USER +E-MAIL +ROLE +IN$/m);
      expect(stdout).toMatch(/^mia +mia@example\.com +viewer +acme$/m);
      expect(stdout).toMatch(/^mia +mia@example\.com +consumer +acme\/web\/dev$/m);
    });

    it('a role that is not known, a scope of another organisation and a second time are refused', async () => {
      const add = ['member', 'add', 'acme', 'mia', '--role'];
      const refused = await Promise.all([
        run([...add, 'king']),
        run([...add, 'viewer', '--scope', 'globex/shop']),
        run([...add, 'viewer']),
        run(['member', 'add', 'acme', 'mia']),
      ]);
      expect(refused.map(({ code }) => code)).toEqual([1, 64, 1, 64]);
    });

    it('are removed by either name with all that they hold', async () => {
      expect(await json(['member', 'remove', 'acme', 'MIA@example.com', '--yes'])).toEqual({
        removed: true,
        username: 'mia',
      });
      expect((await asMia(['project', 'list', 'acme'])).code).toBe(1);
      expect((await run(['member', 'remove', 'acme', 'nobody@example.com', '--yes'])).code).toBe(1);
      const last = await run(['member', 'remove', 'acme', 'olivia', '--yes']);
      expect(last).toMatchObject({ code: 1, stderr: expect.stringContaining('at least one owner') });
    });

    it('are invited by a token that stands alone on stdout, and come in with it', async () => {
      const invited = await run(['member', 'invite', 'acme', '--role', 'member', '--expires', '7d']);
      expect(invited.stdout).toMatch(/^\S+\n$/);
      expect(invited.stderr).toContain('coffer member accept');
      const accepted = await run(['member', 'accept'], {
        input: invited.stdout,
        env: { COFFER_TOKEN: mia.token },
      });
      expect(accepted).toMatchObject({ code: 0, stderr: 'You are member in acme.\n' });
      expect((await asMia(['project', 'list', 'acme'])).stdout).toContain('acme/web');
    });
  });

  describe('roles', () => {
    it('are created out of permissions, given, listed, and deleted when nobody holds them', async () => {
      const create = ['role', 'create', 'acme', 'rotator'];
      const permissions = ['--permission', 'secrets:read', '--permission', 'secrets:set-value'];
      expect((await run([...create, ...permissions])).code).toBe(0);
      expect((await run(['role', 'list', 'acme'])).stdout).toMatch(
        /^rotator +secrets:read secrets:set-value$/m,
      );
      await run(['member', 'add', 'acme', 'mia', '--role', 'rotator']);
      const used = await run(['role', 'delete', 'acme', 'rotator', '--yes']);
      await run(['member', 'remove', 'acme', 'mia', '--yes']);
      expect([used.code, (await run(['role', 'delete', 'acme', 'rotator', '--yes'])).code]).toEqual([1, 0]);
    });

    it('without a permission, or with one that there is not, are wrong usage', async () => {
      const bare = await run(['role', 'create', 'acme', 'bare']);
      const odd = await run(['role', 'create', 'acme', 'odd', '--permission', 'secrets:eat']);
      expect([bare.code, odd.code]).toEqual([64, 64]);
      expect(odd.stderr).toContain('secrets:set-value');
    });
  });
});
