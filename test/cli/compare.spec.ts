import type { Coffer, Ended } from './support/coffer.js';
import { Workplace } from './support/service.js';

describe('two environments side by side, by the command', () => {
  let place: Workplace;
  let coffer: Coffer;

  beforeAll(async () => {
    place = await Workplace.open('acme/web/staging');
    coffer = place.coffer;
    const staging = { SAME: 'canary', OTHER: 'canary-1', HERE: 'canary', HOLLOW: undefined };
    const prod = { SAME: 'canary', OTHER: 'canary-2', THERE: 'canary', HOLLOW: undefined };
    const environment = await place.app.world.environment('acme/web/prod', place.owner);
    for (const [name, value] of Object.entries(prod)) await environment.secret(name, value);
    for (const [name, value] of Object.entries(staging)) {
      await run(['declare', name]);
      if (value !== undefined) await run(['set', name], { input: value });
    }
  });

  afterAll(() => place.close());

  const run: Coffer['run'] = (args, how) => coffer.run(args, how);
  const inProd = (args: readonly string[]): Promise<Ended> => run([...args, '--env', 'acme/web/prod']);

  describe('diff', () => {
    it('tells same, different and missing by name, and no value', async () => {
      const { code, stdout } = await run(['diff', 'staging', 'prod']);
      expect(code).toBe(0);
      expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
        ['NAME', 'STATE'],
        ['HERE', 'missing in prod'],
        ['HOLLOW', 'without a value in both'],
        ['OTHER', 'different'],
        ['SAME', 'same'],
        ['THERE', 'missing in staging'],
        [''],
      ]);
      expect(stdout).not.toContain('canary');
    });

    it('says the same to programs as the service does', async () => {
      const { body } = await place.app.as(place.owner).get('/acme/web/diff?from=staging&to=prod').expect(200);
      expect(JSON.parse((await run(['diff', 'staging', 'prod', '--json'])).stdout)).toEqual(body);
    });

    it('exits with 1 for a difference only when it is told to', async () => {
      const codes = await Promise.all([
        run(['diff', 'staging', 'prod']),
        run(['diff', 'staging', 'prod', '--exit-code']),
        run(['diff', 'staging', 'staging', '--exit-code']),
      ]);
      expect(codes.map(({ code }) => code)).toEqual([0, 1, 0]);
    });

    it('takes whole paths without a chosen environment, of one project only', async () => {
      const nowhere = { env: { COFFER_ENV: undefined } };
      const whole = await run(['diff', 'acme/web/staging', 'acme/web/prod'], nowhere);
      const mixed = await run(['diff', 'staging', 'acme/web/prod'], nowhere);
      const apart = await run(['diff', 'acme/web/staging', 'globex/web/prod'], nowhere);
      const names = await run(['diff', 'staging', 'prod'], nowhere);
      expect([whole.code, mixed.code, apart.code, names.code]).toEqual([0, 0, 64, 78]);
    });

    it('names the environment that is not there', async () => {
      const missing = await run(['diff', 'staging', 'nowhere']);
      expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('nowhere') });
    });
  });

  describe('promote', () => {
    it('copies the names that are given, declares what is missing, and says which', async () => {
      const { code, stdout, stderr } = await inProd([
        'promote',
        '--from',
        'staging',
        'OTHER',
        'HERE',
        'HERE',
      ]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(stderr).toMatch(
        /Promoted 2 from staging to acme\/web\/prod, revision \d+\.\n {2}HERE\n {2}OTHER\n/,
      );
      expect((await inProd(['get', 'OTHER'])).stdout).toBe('canary-1');
    });

    it('without names copies all that have a value', async () => {
      const { stdout } = await inProd(['promote', '--from', 'acme/web/staging', '--json']);
      expect(JSON.parse(stdout)).toEqual({
        revision: expect.any(Number),
        promoted: ['HERE', 'OTHER', 'SAME'],
      });
    });

    it('does nothing when one of the names has no value or is not there, and names it', async () => {
      const hollow = await inProd(['promote', '--from', 'staging', 'SAME', 'HOLLOW']);
      const missing = await inProd(['promote', '--from', 'staging', 'SAME', 'NOBODY']);
      expect([hollow.code, missing.code]).toEqual([3, 1]);
      expect(hollow.stderr).toContain('  HOLLOW');
      expect(missing.stderr).toContain('  NOBODY');
    });

    it('needs another environment, of the same project, that exists', async () => {
      const codes = await Promise.all([
        inProd(['promote', '--from', 'prod']),
        inProd(['promote', '--from', 'globex/web/staging']),
        inProd(['promote']),
        inProd(['promote', '--from', 'nowhere']),
      ]);
      expect(codes.map(({ code }) => code)).toEqual([64, 64, 64, 1]);
      expect(codes[3].stderr).toContain('nowhere');
    });

    it('says so when there is nothing to copy', async () => {
      const empty = await run(['promote', '--from', 'default']);
      expect(empty).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing was promoted') });
    });
  });
});
