import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { TestApp } from '../support/app.js';
import { runInBash, settled, stepsOf } from '../support/console-story.js';
import { Page } from '../support/document.js';
import { exchange } from '../support/exchange.js';
import { GITHUB_CLAIMS, GITLAB_CLAIMS, Issuer } from '../support/issuer.js';
import { runAction, runStep, TokenService } from '../support/runner.js';
import { ROOT } from '../support/sources.js';
import type { Person } from '../support/world.js';

const SERVER = 'https://coffer.example.com';
const VALUES = { STRIPE_KEY: `it's $HOME "x" #1\nand a second line`, EMPTY: '' };

describe('docs/ci.md', () => {
  const page = new Page('docs/ci.md');
  const steps = stepsOf(page.text);
  let app: TestApp;
  let issuer: Issuer;
  let owner: Person;
  let folder: string;

  const here = (text: string): string => text.replaceAll(SERVER, app.url);

  /** The page's commands, as its reader would paste them who is logged in as the owner. */
  const paste = (commands: readonly string[]): Promise<string[]> =>
    runInBash([`OLIVIA=${owner.token}`, ...commands.map(here)], folder).then((answers) => answers.slice(1));

  beforeAll(async () => {
    app = await TestApp.start({ config: { allowPrivateIssuers: true } });
    issuer = await Issuer.start();
    folder = await mkdtemp(join(tmpdir(), 'coffer-ci-'));
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    const prod = await app.world.environment('acme/web/prod', owner);
    await prod.secret('stripe-key', VALUES.STRIPE_KEY);
    await prod.secret('EMPTY', VALUES.EMPTY);
    const deploy = '#!/bin/sh\n{ printf %s "$STRIPE_KEY"; printf "|%s|" "${EMPTY-unset}"; } > deployed\n';
    await writeFile(join(folder, 'deploy.sh'), deploy);
    await chmod(join(folder, 'deploy.sh'), 0o755);
  });

  afterAll(async () => {
    await app.close();
    await issuer.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** What `deploy.sh` found in its environment, and forgets. */
  async function deployed(): Promise<string | null> {
    const path = join(folder, 'deployed');
    const found = await readFile(path, 'utf8').catch(() => null);
    await rm(path, { force: true });
    return found;
  }

  const DEPLOYED = `${VALUES.STRIPE_KEY}|${VALUES.EMPTY}|`;

  it('makes the trusts as it prints, and tells why an exchange was refused', async () => {
    const isAfter = ({ command }: { command: string }): boolean => /audit|simulate|^ID=/.test(command);
    const [making, asking] = [steps.filter((step) => !isAfter(step)), steps.filter(isAfter)];
    expect([making.length, asking.length]).toEqual([4, 3]);
    const made = await paste(making.map(({ command }) => command));
    making.forEach(({ answer }, index) => {
      expect(settled(made[index] ?? '')).toBe(settled(here(answer)));
    });
    // The real issuers are out of reach here: from now on the tests' own stands in for both.
    await app.sql.query('update trusts set issuer = $1', [issuer.url]);
    const token = await issuer.token({ ...GITHUB_CLAIMS, environment: undefined, aud: app.url });
    expect((await exchange(app, 'acme/web/deploy', token)).status).toBe(400);
    const setting = making.slice(0, 2).map(({ command }) => command);
    const asked = await paste([...setting, ...asking.map(({ command }) => command)]);
    asking.forEach(({ answer }, index) => {
      expect(settled(asked[index + 2] ?? '')).toBe(settled(here(answer)));
    });
  });

  it('has a workflow for GitHub Actions that deploys with the values', async () => {
    const workflow = parse(here(page.file('.github/workflows/deploy.yml')));
    expect(workflow.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
    const [checkout, read, deploy, ...more] = workflow.jobs.deploy.steps;
    expect(more).toEqual([]);
    expect(checkout.uses).toMatch(/^actions\/checkout@v\d+$/);
    expect(read.uses).toMatch(/^your-org\/coffer@v\d/);
    const action = parse(await readFile(join(ROOT, 'action.yml'), 'utf8'));
    expect(Object.keys(action.inputs as object)).toEqual(
      expect.arrayContaining(Object.keys(read.with as object)),
    );

    const environment = workflow.jobs.deploy.environment as string;
    const tokens = await TokenService.start((aud) => issuer.token({ ...GITHUB_CLAIMS, environment, aud }));
    const exported = await runAction(ROOT, read.with as Record<string, string>, tokens.env);
    await tokens.stop();
    expect([exported.code, Object.fromEntries(exported.env)]).toEqual([0, VALUES]);
    expect((await runStep(deploy.run as string, Object.fromEntries(exported.env), folder)).code).toBe(0);
    expect(await deployed()).toBe(DEPLOYED);
  });

  it('names every input and output of the action', async () => {
    const action = parse(await readFile(join(ROOT, 'action.yml'), 'utf8'));
    for (const name of Object.keys({ ...action.inputs, ...action.outputs }))
      expect(page.text).toContain(`\`${name}\``);
  });

  describe('has a file for GitLab CI', () => {
    const job = () => parse(here(page.file('.gitlab-ci.yml'))).deploy;
    /** GitLab's runner hands all lines of a script to one shell, which ends at the first failure. */
    const run = (token: string) =>
      runStep((job().script as string[]).join('\n'), { ...job().variables, COFFER_ID_TOKEN: token }, folder);

    it('that deploys with the values', async () => {
      expect(job().id_tokens).toEqual({ COFFER_ID_TOKEN: { aud: app.url } });
      const { environment } = job() as { environment: string };
      const { code, log } = await run(await issuer.token({ ...GITLAB_CLAIMS, environment, aud: app.url }));
      expect([code, log]).toEqual([0, '']);
      expect(await deployed()).toBe(DEPLOYED);
    });

    it('that deploys nothing when the exchange is refused, and says so', async () => {
      const { code, log } = await run(
        await issuer.token({ ...GITLAB_CLAIMS, ref_protected: 'false', aud: app.url }),
      );
      expect(code).toBe(1);
      expect(log).toContain('is not accepted for this audience');
      expect(await deployed()).toBeNull();
    });

    it('that deploys nothing when a value is missing, and says which', async () => {
      await app.as(owner).post('/acme/web/envs/prod/secrets', { kind: 'Secret', name: 'LATE' }).expect(201);
      const { code, log } = await run(await issuer.token({ ...GITLAB_CLAIMS, aud: app.url }));
      await app.as(owner).delete('/acme/web/envs/prod/secrets/LATE').expect(200);
      expect(code).toBe(1);
      expect(log).toContain('"name":"LATE"');
      expect(await deployed()).toBeNull();
    });
  });

  describe('has a script for everything else', () => {
    async function run(env: Record<string, string>): Promise<{ code: number; said: string }> {
      const path = join(folder, 'with-secrets.sh');
      await writeFile(path, here(page.file('with-secrets.sh')), { mode: 0o755 });
      const child = spawn(path, ['./deploy.sh'], { cwd: folder, env: { PATH: process.env['PATH'], ...env } });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
      }
      const [code] = (await once(child, 'close')) as [number];
      return { code, said };
    }

    it('that runs with an OIDC token', async () => {
      const token = await issuer.token({ ...GITHUB_CLAIMS, environment: 'prod', aud: app.url });
      expect(await run({ OIDC_TOKEN: token })).toEqual({ code: 0, said: '' });
      expect(await deployed()).toBe(DEPLOYED);
    });

    it('that runs with a service token', async () => {
      const { token } = await app.world.serviceToken(owner, 'consumer', 'acme/web/prod');
      expect(await run({ COFFER_TOKEN: token })).toEqual({ code: 0, said: '' });
      expect(await deployed()).toBe(DEPLOYED);
    });

    it('that runs nothing without one of them that holds', async () => {
      for (const env of [{ OIDC_TOKEN: 'x' }, { COFFER_TOKEN: 'cofs_x' }, {}]) {
        const { code, said } = await run(env);
        expect(code).not.toBe(0);
        expect(said).not.toBe('');
        expect(await deployed()).toBeNull();
      }
    });
  });

  it('leads to files and headings that are there', async () => {
    const links = [...page.text.matchAll(/\]\((?<file>[^)#]+)(?:#(?<heading>[^)]+))?\)/g)].map(
      ({ groups }) => groups,
    );
    expect(links.length).toBeGreaterThan(1);
    for (const link of links) {
      const text = await readFile(join(ROOT, 'docs', link?.['file'] ?? ''), 'utf8');
      const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
        title.toLowerCase().replaceAll(' ', '-'),
      );
      if (link?.['heading'] !== undefined) expect(headings).toContain(link['heading']);
    }
  });
});
