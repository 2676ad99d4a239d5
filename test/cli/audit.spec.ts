import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { hashOf, signHead } from '../../src/audit/hash-chain.js';
import type { AuditEvent } from '../../src/audit/audit-event.js';
import type { Coffer, Ended } from './support/coffer.js';
import { Workplace } from './support/service.js';

type Head = Readonly<{ seq: number; hash: string; at: string; signature: string; publicKey: string }>;

describe('the trail, by the command', () => {
  let place: Workplace;
  let coffer: Coffer;
  let lines: string[];

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    for (const name of ['ONE', 'TWO', 'THREE']) await coffer.run(['declare', name]);
    await coffer.run(['set', 'ONE'], { input: 'canary-1' });
    await coffer.run(['get', 'ONE']);
    expect((await coffer.run(['audit', 'export', 'acme', '-o', 'chain'])).code).toBe(0);
    lines = readFileSync(coffer.path('chain'), 'utf8').trimEnd().split('\n');
  });

  afterAll(() => place.close());

  const run: Coffer['run'] = (args, how) => coffer.run(args, how);

  describe('tail', () => {
    it('shows the latest events, the newest last, as many as asked for', async () => {
      const { code, stdout } = await run(['audit', 'tail', 'acme', '-n', '3', '--secret', 'ONE']);
      expect(code).toBe(0);
      const [heading, ...rows] = stdout.trimEnd().split('\n');
      expect(heading).toMatch(/^SEQ +AT +WHO +ACTION +WHAT +OUTCOME +FROM$/);
      expect(rows.map((row) => row.split(/ {2,}/).slice(2, 6))).toEqual([
        ['olivia', 'secret.declare', 'web/dev ONE', 'allowed'],
        ['olivia', 'secret.value-set', 'web/dev ONE v1', 'allowed'],
        ['olivia', 'secret.value-get', 'web/dev ONE v1', 'allowed'],
      ]);
    });

    it('takes the organisation of the chosen environment, and gives programs the events as they are', async () => {
      const { stdout } = await run(['audit', 'tail', '--action', 'secret.value-get', '--json']);
      const { body } = await place.app
        .as(place.owner)
        .get('/orgs/acme/audit?action=secret.value-get')
        .expect(200);
      expect(JSON.parse(stdout)).toEqual(body);
    });

    it('an outcome or a time that there is not is wrong usage, and the right is needed', async () => {
      const viewer = await place.app.world.serviceToken(place.owner, 'viewer', 'acme/web');
      const ended = await Promise.all([
        run(['audit', 'tail', '--outcome', 'maybe']),
        run(['audit', 'tail', '--since', '2026-02-30']),
        run(['audit', 'tail'], { env: { COFFER_TOKEN: viewer.token } }),
      ]);
      expect(ended.map(({ code }) => code)).toEqual([64, 64, 77]);
    });
  });

  describe('export', () => {
    it('is the chain from its first record and the signed head, for its owner alone, without a value', () => {
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ seq: 1, action: 'org.create' });
      expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ head: { seq: lines.length - 1 } });
      expect((statSync(coffer.path('chain')).mode & 0o777).toString(8)).toBe('600');
      expect(lines.join('')).not.toContain('canary');
    });

    it('goes to stdout without a file, and can be proven from there', async () => {
      const { stdout } = await run(['audit', 'export']);
      writeFileSync(coffer.path('piped'), stdout);
      expect((await run(['audit', 'verify', 'piped'])).code).toBe(0);
    });
  });

  describe('verify', () => {
    /** Nobody is asked: the server that is named does not exist, and there is no credential. */
    const verify = (name: string, more: readonly string[] = []): Promise<Ended> =>
      run(['audit', 'verify', name, ...more], {
        env: { COFFER_SERVER: 'http://127.0.0.1:1', COFFER_TOKEN: undefined },
      });

    async function verified(change: (copy: string[]) => void, more: readonly string[] = []): Promise<Ended> {
      const copy = [...lines];
      change(copy);
      writeFileSync(coffer.path('copy'), copy.map((line) => `${line}\n`).join(''));
      return verify('copy', more);
    }

    const edited = (line: string | undefined, change: (event: Record<string, unknown>) => object): string =>
      JSON.stringify(change(JSON.parse(line ?? '{}')));

    const editedHead = (copy: string[], change: (head: Head) => Head): void => {
      copy.push(edited(copy.pop(), ({ head }) => ({ head: change(head as Head) })));
    };

    it('proves a good chain without asking anybody, and names the key', async () => {
      const { code, stdout, stderr } = await verify('chain');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(`All ${String(lines.length - 1)} records are as they were written`);
      const { body } = await place.app.as(place.owner).get('/orgs/acme/audit/head').expect(200);
      expect(stdout).toContain(body.publicKey);
    });

    it.each<[string, (copy: string[]) => void, RegExp]>([
      [
        'a changed record',
        (copy) => (copy[4] = edited(copy[4], (event) => ({ ...event, outcome: 'denied' }))),
        /record 5 was changed/,
      ],
      [
        'a changed record whose hash was made anew',
        (copy) =>
          (copy[4] = edited(copy[4], (event) => {
            const changed = { ...event, ip: '192.0.2.1' } as unknown as AuditEvent;
            return { ...changed, hash: hashOf(changed) };
          })),
        /record 6 does not follow from record 5/,
      ],
      [
        'a record with a field too many',
        (copy) => (copy[4] = edited(copy[4], (event) => ({ ...event, note: 'x' }))),
        /record 5 was changed/,
      ],
      [
        'a record that says a thing twice, for readers that take the first',
        (copy) => (copy[4] = (copy[4] ?? '').replace('{', '{"outcome":"denied",')),
        /record 5 was changed/,
      ],
      ['removed records', (copy) => copy.splice(3, 2), /records 4 to 5 are missing/],
      ['a removed beginning', (copy) => copy.splice(0, 1), /record 1 is missing/],
      [
        'two records in the other order',
        (copy) => copy.splice(3, 2, copy[4] ?? '', copy[3] ?? ''),
        /record 4 stands after record 5/,
      ],
      [
        'a record that comes twice',
        (copy) => copy.splice(5, 0, copy[4] ?? ''),
        /record 5 is there more than once/,
      ],
      ['a cut-off end', (copy) => copy.splice(-2, 1), /record \d+ is cut off at the end/],
      [
        'a line that was cut off',
        (copy) => copy.splice(-1, 1, (copy.at(-1) ?? '').slice(0, 50)),
        /damaged or cut off/,
      ],
      ['a missing head', (copy) => copy.pop(), /there is no signed head/],
      ['something after the head', (copy) => copy.push(copy[0] ?? ''), /stands after the head/],
      [
        'a head whose signature is another one',
        (copy) => {
          editedHead(copy, (head) => ({ ...head, signature: Buffer.alloc(64).toString('base64') }));
        },
        /the signature of the head does not hold/,
      ],
      [
        'a head that was moved to an earlier record',
        (copy) => {
          copy.splice(-2, 1);
          editedHead(copy, (head) => ({ ...head, seq: head.seq - 1 }));
        },
        /the signature of the head does not hold/,
      ],
    ])('finds %s and names it', async (_, change, named) => {
      const { code, stdout, stderr } = await verified(change);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(named);
    });

    it('finds a whole forged chain by the key of an earlier head', async () => {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519');
      const forge = (copy: string[]): void => {
        editedHead(copy, (head) => ({
          ...head,
          signature: signHead(privateKey, head, head.at),
          publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
        }));
      };
      const { head } = JSON.parse(lines.at(-1) ?? '') as { head: Head };
      expect((await verified(forge)).code).toBe(0);
      const found = await verified(forge, ['--public-key', head.publicKey]);
      expect(found).toMatchObject({ code: 1, stderr: expect.stringContaining('another key') });
      expect((await verify('chain', ['--public-key', head.publicKey])).code).toBe(0);
    });

    it('takes the head from a file of its own, as the service answers it', async () => {
      const { head } = JSON.parse(lines.at(-1) ?? '') as { head: Head };
      writeFileSync(coffer.path('head.json'), JSON.stringify(head));
      const apart = await verified((copy) => copy.pop(), ['--head', 'head.json']);
      expect(apart.code).toBe(0);
      const cut = await verified((copy) => copy.splice(-2, 2), ['--head', 'head.json', '--json']);
      expect(cut.code).toBe(1);
      expect(JSON.parse(cut.stdout)).toMatchObject({
        ok: false,
        head,
        findings: [expect.stringContaining('cut off')],
      });
    });

    it('an empty file proves nothing, and one that is not there is no bad chain', async () => {
      expect((await verified((copy) => copy.splice(0))).stderr).toContain('there is no signed head');
      expect((await verify('nothere')).stderr).toContain('cannot be read');
    });
  });

  it('exposure lists which present values were read, by whom, until they are set anew', async () => {
    const shown = await run(['exposure', 'acme', '--actor', 'olivia']);
    expect(shown.stdout).toMatch(/^acme\/web\/dev +ONE +1 +olivia +1 +.*(?:ago|now)$/m);
    expect(shown.stderr).toContain('coffer set NAME');
    expect(JSON.parse((await run(['exposure', '--json'])).stdout)).toMatchObject([
      { project: 'web', environment: 'dev', secret: 'ONE', version: 1 },
    ]);
    await run(['set', 'ONE'], { input: 'canary-2' });
    expect(await run(['exposure'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('None'),
    });
    expect((await run(['exposure', '--json'])).stdout).toBe('[]\n');
  });
});
