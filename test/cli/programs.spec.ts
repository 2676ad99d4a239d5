import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { SignJWT } from 'jose';
import type { Coffer } from './support/coffer.js';
import { Workplace } from './support/service.js';

type Listed = Readonly<{ id: string; name: string; expiresAt: string | null; envName: string | null }>;

describe('how programs get in, by the command', () => {
  let place: Workplace;
  let coffer: Coffer;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    await coffer.run(['declare', 'KEY']);
    await coffer.run(['set', 'KEY'], { input: 'v' });
  });

  afterAll(() => place.close());

  const run: Coffer['run'] = (args, how) => coffer.run(args, how);
  const CREATE = ['token', 'create', 'acme/web', '--role', 'consumer', '--name'];

  async function listed(name: string): Promise<Listed> {
    const all: Listed[] = JSON.parse((await run(['token', 'list', 'acme/web', '--json'])).stdout);
    const found = all.find((token) => token.name === name);
    if (found === undefined) throw new Error(`there is no token ${name}`);
    return found;
  }

  describe('tokens', () => {
    it('the token alone goes to stdout, and reads the values of its environment', async () => {
      const { code, stdout, stderr } = await run([...CREATE, 'deploy', '--environment', 'dev']);
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^cofs_[0-9A-Za-z]+\n$/) });
      expect(stderr).toContain('shown this once');
      writeFileSync(coffer.path('token'), stdout);
      const read = await run(['--token-file', 'token', 'get', 'KEY'], { env: { COFFER_TOKEN: undefined } });
      expect(read.stdout).toBe('v');
    });

    it.each([
      ['30m', 30 * 60],
      ['12h', 12 * 3600],
      ['30d', 30 * 24 * 3600],
    ])('--expires %s counts from now', async (expires, seconds) => {
      expect((await run([...CREATE, expires, '--expires', expires])).code).toBe(0);
      const left = (Date.parse((await listed(expires)).expiresAt ?? '') - Date.now()) / 1000;
      expect(seconds - left).toBeGreaterThanOrEqual(0);
      expect(seconds - left).toBeLessThan(30);
    });

    it('--expires takes a time as it stands, and no time that there is not', async () => {
      await run([...CREATE, 'until', '--expires', '2099-01-31T12:00:00+02:00']);
      expect((await listed('until')).expiresAt).toBe('2099-01-31T10:00:00.000Z');
      const wrong = ['0d', '30', '2099-02-31', '2099-02-30T12:00:00Z', '2099-01-31T12:00:00', 'tomorrow', ''];
      const codes = await Promise.all(
        wrong.map(async (expires) => (await run([...CREATE, 'x', '--expires', expires])).code),
      );
      expect(codes).toEqual(wrong.map(() => 64));
      expect((await run([...CREATE, 'past', '--expires', '2020-01-01'])).code).toBe(1);
    });

    it('--allow-ip, again and again, keeps other addresses out', async () => {
      const here = await run([...CREATE, 'here', '--allow-ip', '192.0.2.0/24', '--allow-ip', '127.0.0.1']);
      const there = await run([...CREATE, 'there', '--allow-ip', '192.0.2.0/24']);
      const read = (token: string) => run(['get', 'KEY'], { env: { COFFER_TOKEN: token.trim() } });
      expect([(await read(here.stdout)).code, (await read(there.stdout)).code]).toEqual([0, 77]);
      const odd = await run([...CREATE, 'odd', '--allow-ip', 'nonsense']);
      expect(odd).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('allowedIps') });
    });

    it('are listed without what they are, and stop at once when they are revoked', async () => {
      const { stdout } = await run(['token', 'list', 'acme/web']);
      expect(stdout).toMatch(/^ID +NAME +ROLE +IN +EXPIRES +LAST USED +CREATED BY$/m);
      expect(stdout).toMatch(/^\S+ +deploy +consumer +dev +never +.* ago +olivia$/m);
      expect(stdout).not.toContain('cofs_');
      const { id } = await listed('deploy');
      const revoked = await run(['token', 'revoke', 'acme/web', id, '--yes', '--json']);
      expect(JSON.parse(revoked.stdout)).toEqual({ revoked: true, id });
      const refused = await run(['--token-file', 'token', 'list'], { env: { COFFER_TOKEN: undefined } });
      expect(refused).toMatchObject({ code: 77, stderr: expect.stringContaining('--token-file token') });
    });
  });

  describe('trusts', () => {
    const trust = ['trust', 'create', 'acme/web', '--role', 'consumer', '--environment', 'dev'];
    const github = [
      '--issuer',
      'https://token.actions.githubusercontent.com',
      '--audience',
      'https://coffer.test',
    ];

    it('are created with claims, of which one may have several values, and listed with them', async () => {
      const claims = ['repository_id=74', 'ref=refs/heads/main', 'ref=refs/heads/a=b'].flatMap((claim) => [
        '--claim',
        claim,
      ]);
      const made = await run([...trust, ...github, '--name', 'deploy', '--ttl', '120', ...claims]);
      expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('acme/web/deploy') });
      expect(JSON.parse((await run(['trust', 'list', 'acme/web', '--json'])).stdout)).toMatchObject([
        { ttlSeconds: 120, claims: { repository_id: '74', ref: ['refs/heads/main', 'refs/heads/a=b'] } },
      ]);
      expect((await run(['trust', 'list', 'acme/web'])).stdout).toMatch(
        /^deploy +consumer +dev +never .*ref=refs\/heads\/main\|refs\/heads\/a=b repository_id=74$/m,
      );
    });

    it('that pin nothing immutable are refused with the reason, and a claim needs its value', async () => {
      const loose = await run([...trust, ...github, '--name', 'loose', '--claim', 'repository=acme/web']);
      expect(loose).toMatchObject({ code: 1, stderr: expect.stringContaining('repository_id') });
      const broken = await run([...trust, ...github, '--name', 'x', '--claim', 'repository_id']);
      expect(broken.code).toBe(64);
    });

    it('simulate says whether claims or a token would do, and what does not fit', async () => {
      const simulate = ['trust', 'simulate', 'acme/web', 'deploy'];
      const claims = (...all: string[]) => all.flatMap((claim) => ['--claim', claim]);
      const good = [
        ...['iss=https://token.actions.githubusercontent.com', 'aud=https://coffer.test'],
        ...['repository_id=74', 'ref=refs/heads/main'],
      ];
      const fits = await run([...simulate, ...claims(...good)]);
      expect(fits).toMatchObject({ code: 0, stdout: '' });
      const other = await run([...simulate, ...claims(...good.slice(0, 2), 'repository_id=75')]);
      expect(other.code).toBe(1);
      expect(other.stdout).toMatch(/^CLAIM +EXPECTED +ACTUAL$/m);
      expect(other.stdout).toMatch(/^repository_id +74 +75$/m);
      expect((await run([...simulate])).code).toBe(64);
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const token = await new SignJWT({ repository_id: '75' })
        .setProtectedHeader({ alg: 'RS256' })
        .sign(privateKey);
      writeFileSync(coffer.path('jwt'), `${token}\n`);
      const byToken = await run([...simulate, '--token-file', 'jwt', '--json']);
      expect(byToken.code).toBe(1);
      expect(JSON.parse(byToken.stdout)).toMatchObject({
        matches: false,
        mismatches: expect.arrayContaining([{ claim: 'repository_id', expected: '74', actual: '75' }]),
      });
    });

    it('are deleted by name', async () => {
      const nobody = await run(['trust', 'delete', 'acme/web', 'nothere', '--yes']);
      expect(nobody).toMatchObject({ code: 1, stderr: expect.stringContaining('nothere') });
      expect((await run(['trust', 'delete', 'acme/web', 'deploy'])).code).toBe(1);
      const gone = await run(['trust', 'delete', 'acme/web', 'deploy', '--yes', '--json']);
      expect(JSON.parse(gone.stdout)).toEqual({ deleted: true, name: 'deploy' });
      expect((await run(['trust', 'list', 'acme/web', '--json'])).stdout).toBe('[]\n');
    });
  });
});
