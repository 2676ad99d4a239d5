import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parse as parseYaml } from 'yaml';
import { FORMATS } from '../../src/formats/format.js';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Page } from '../support/document.js';
import { Issuer } from '../support/issuer.js';
import type { Environment, Person } from '../support/world.js';

const SERVER = 'https://coffer.example.com';

/** Stands in for `docker` and `kubectl`: says that it was called, and keeps the file that it was given. */
const RECORDER = `#!/bin/sh
echo "$(basename "$0") $*" >> "$RECORDS/calls"
if [ -f prod.env ]; then cp prod.env "$RECORDS/file"; fi
while [ $# -gt 1 ]; do
  case "$1" in --env-file | --filename) cp "$2" "$RECORDS/file" ;; esac
  shift
done
`;

describe('docs/reading-secrets.md', () => {
  const page = new Page('docs/reading-secrets.md');
  let app: TestApp;
  let owner: Person;
  let asOwner: Client;
  let env: Environment;
  let token: string;
  let folder: string;

  beforeAll(async () => {
    app = await TestApp.start({ config: { allowPrivateIssuers: true } });
    owner = await app.world.user('olivia');
    asOwner = app.as(owner);
    await app.world.org('acme', owner);
    env = await app.world.environment('acme/web/prod', owner);
    ({ token } = await app.world.serviceToken(owner, 'consumer', 'acme/web/prod'));
  });

  afterAll(() => app.close());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-docs-'));
    await mkdir(join(folder, 'bin'));
    for (const command of ['docker', 'kubectl']) await executable(join('bin', command), RECORDER);
    await executable('deploy.sh', '#!/bin/sh\nprintf "%s" "$STRIPE_KEY" > deployed\n');
    await writeFile(join(folder, 'authorization'), `Authorization: Bearer ${token}\n`, { mode: 0o600 });
    await asOwner
      .post(`${env.path}/changes`, {
        changes: [
          { op: 'declare', name: 'stripe-key' },
          { op: 'set', name: 'stripe-key', value: `it's $HOME "x" #1` },
          { op: 'declare', name: 'EMPTY' },
          { op: 'set', name: 'EMPTY', value: '' },
        ],
      })
      .expect(200);
  });

  afterEach(async () => {
    const { body } = await asOwner.get(`${env.path}/secrets`).expect(200);
    const changes = body.map(({ name }: { name: string }) => ({ op: 'delete', name }));
    await asOwner.post(`${env.path}/changes`, { changes }).expect(200);
    await rm(folder, { recursive: true, force: true });
  });

  async function executable(name: string, text: string): Promise<void> {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o755);
  }

  const here = (text: string) => text.replaceAll(SERVER, app.url);

  async function run(
    [command = '', ...args]: readonly string[],
    more: Record<string, string> = {},
  ): Promise<{ code: number | null; output: string }> {
    const path = [join(folder, 'bin'), process.env['PATH']].join(delimiter);
    const environment = { PATH: path, HOME: folder, RECORDS: folder, ...more };
    const child = spawn(command, args, { cwd: folder, env: environment });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    await once(child, 'close');
    return { code: child.exitCode, output };
  }

  async function runScript(name: string, args: readonly string[] = [], more: Record<string, string> = {}) {
    await executable(name, here(page.file(name)));
    return run([join(folder, name), ...args], more);
  }

  const recorded = (name: string) => readFile(join(folder, name), 'utf8');
  const withoutValue = () =>
    asOwner.post(`${env.path}/secrets`, { kind: 'Secret', name: 'MISSING' }).expect(201);

  it('has these files, and says what every format is for', () => {
    expect(page.names).toEqual([
      'docker-run.sh',
      'docker-entrypoint.sh',
      'compose.yaml',
      'compose-up.sh',
      'apply-secret.sh',
      'deployment.yaml',
      'external-secrets.yaml',
      'external-secrets-single.yaml',
      'web-secrets.service',
      'web.service',
      '.github/workflows/deploy.yaml',
      '.gitlab-ci.yml',
      'follow.sh',
    ]);
    for (const format of FORMATS) expect(page.text).toContain(`\`${format}\``);
  });

  it('asks for nothing that the service does not answer', async () => {
    const text = page.text.replaceAll('{{ .remoteRef.key }}', 'EMPTY').replaceAll('$format', 'github-env');
    const urls = text.matchAll(/https:\/\/coffer\.example\.com(\/acme\/web\/envs\/[^\s'"]+)/g);
    const paths = new Set([...urls].map(([, path = '']) => path));
    expect(paths.size).toBeGreaterThan(8);
    for (const path of paths) {
      if (path.endsWith('/events')) continue;
      const { status } = await app.as(token).get(path);
      expect([path, status]).toEqual([path, 200]);
    }
  });

  it('docker-run.sh starts the container with the values', async () => {
    const { code, output } = await runScript('docker-run.sh');
    expect([code, output]).toEqual([0, '']);
    expect(await recorded('file')).toBe(`EMPTY=\nSTRIPE_KEY=it's $HOME "x" #1\n`);
    expect(await recorded('calls')).toMatch(/^docker run --rm --env-file \S+ registry/);
  });

  it('compose-up.sh brings the services up with the values, and leaves no file behind', async () => {
    expect((await runScript('compose-up.sh')).code).toBe(0);
    expect(await recorded('file')).toContain('STRIPE_KEY=');
    expect(await recorded('calls')).toBe('docker compose up --detach --wait\n');
    expect(await readdir(folder)).not.toContain('prod.env');
    expect(parseYaml(page.file('compose.yaml')).services.web.env_file).toEqual([
      { path: 'prod.env', required: true },
    ]);
  });

  it('apply-secret.sh applies a Secret of the name that the deployment reads', async () => {
    expect((await runScript('apply-secret.sh')).code).toBe(0);
    const secret = parseYaml(await recorded('file'));
    const deployment = parseYaml(page.file('deployment.yaml'));
    const [container] = deployment.spec.template.spec.containers;
    expect(secret.metadata).toEqual({ name: 'web-secrets', namespace: deployment.metadata.namespace });
    expect(container.envFrom).toEqual([{ secretRef: { name: secret.metadata.name } }]);
    expect(Buffer.from(secret.data.STRIPE_KEY, 'base64').toString('utf8')).toBe(`it's $HOME "x" #1`);
    expect(await recorded('calls')).toMatch(/^kubectl apply --server-side /);
  });

  it('docker-entrypoint.sh starts the program with the values as environment variables', async () => {
    const { code, output } = await runScript(
      'docker-entrypoint.sh',
      ['sh', '-c', 'printf "%s|%s|%s" "$STRIPE_KEY" "${EMPTY-unset}" "${exports-unset}"'],
      { AUTHORIZATION_FILE: join(folder, 'authorization') },
    );
    expect([code, output]).toEqual([0, `it's $HOME "x" #1||unset`]);
  });

  it.each(['docker-run.sh', 'compose-up.sh', 'apply-secret.sh', 'docker-entrypoint.sh'])(
    '%s fails, and starts nothing, when a value is missing or the token does not hold',
    async (name) => {
      const more = { AUTHORIZATION_FILE: join(folder, 'authorization') };
      const start = ['sh', '-c', 'echo started > calls'];
      await withoutValue();
      const missing = await runScript(name, start, more);
      expect(missing.code).not.toBe(0);
      expect(missing.output).toContain('409');
      await writeFile(join(folder, 'authorization'), 'Authorization: Bearer cofs_nonsense\n');
      const refused = await runScript(name, start, more);
      expect(refused.code).not.toBe(0);
      expect(refused.output).toContain('401');
      expect(await readdir(folder)).not.toContain('calls');
    },
  );

  it('web-secrets.service writes the file that web.service reads', async () => {
    const unit = here(page.file('web-secrets.service')).replaceAll('%d', folder).replaceAll('%t', folder);
    const command = /^ExecStart=\/usr\/bin\/(.+)$/m.exec(unit)?.[1] ?? '';
    await mkdir(join(folder, 'web-secrets'));
    expect((await run(['sh', '-c', command])).code).toBe(0);
    const [, file = ''] = /^EnvironmentFile=%t\/(.+)$/m.exec(page.file('web.service')) ?? [];
    expect(await recorded(file)).toContain('STRIPE_KEY="');
    await withoutValue();
    expect((await run(['sh', '-c', command])).code).not.toBe(0);
    for (const line of [
      'LoadCredential=authorization:',
      'RuntimeDirectory=web-secrets',
      'RuntimeDirectoryPreserve=yes',
    ]) {
      expect(unit).toContain(line);
    }
  });

  it('the GitHub workflow hides the values, then hands them to the next step', async () => {
    const issuer = await Issuer.start();
    const trust = {
      name: 'github',
      issuer: issuer.url,
      audience: app.url,
      claims: { repository_id: '4711' },
    };
    await asOwner
      .post('/acme/web/trusts', { ...trust, role: 'consumer', envName: 'prod', ttlSeconds: 300 })
      .expect(201);
    const github = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://github');
      expect(request.headers.authorization).toBe('Bearer the-job');
      const claims = { aud: searchParams.get('audience'), repository_id: '4711' };
      void issuer.token(claims).then((value) => response.end(JSON.stringify({ value })));
    });
    github.listen(0, '127.0.0.1');
    await once(github, 'listening');
    const { port } = github.address() as AddressInfo;
    const workflow = parseYaml(page.file('.github/workflows/deploy.yaml'));
    const { steps, env: jobEnv } = workflow.jobs.deploy;
    const { code, output } = await run(['bash', '-c', here(steps[1].run)], {
      COFFER: here(jobEnv.COFFER),
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${String(port)}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'the-job',
      RUNNER_TEMP: folder,
      GITHUB_ENV: join(folder, 'github-env-file'),
    });
    github.close();
    await issuer.stop();
    expect(code).toBe(0);
    expect(output.trim().split('\n')).toEqual([
      expect.stringMatching(/^::add-mask::cofs_/),
      `::add-mask::it's $HOME "x" #1`,
    ]);
    expect(await recorded('github-env-file')).toMatch(/STRIPE_KEY<<(\S+)\nit's \$HOME "x" #1\n\1\n/);
    const left = await readdir(folder);
    expect(left).toEqual(expect.not.arrayContaining(['authorization', 'github-env', 'github-mask']));
    expect(workflow.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
    expect(steps[2].run).toBe('./deploy.sh');
  });

  it('the GitLab job deploys with the values, and not at all without them', async () => {
    const script = here((parseYaml(page.file('.gitlab-ci.yml')).deploy.script as string[]).join('\n'));
    expect((await run(['bash', '-c', script], { COFFER_TOKEN: token })).code).toBe(0);
    expect(await recorded('deployed')).toBe(`it's $HOME "x" #1`);
    await rm(join(folder, 'deployed'));
    await withoutValue();
    expect((await run(['bash', '-c', script], { COFFER_TOKEN: token })).code).not.toBe(0);
    expect(await readdir(folder)).not.toContain('deployed');
  });

  it('follow.sh prints a line for each change after what was read', async () => {
    await executable('follow.sh', here(page.file('follow.sh')));
    const environment = { PATH: process.env['PATH'], HOME: folder };
    const child = spawn(join(folder, 'follow.sh'), [], { cwd: folder, env: environment, detached: true });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    try {
      while (!(await readdir(folder)).includes('secrets.json')) await pause(20);
      await asOwner.put(`${env.secretPath('EMPTY')}/value`, { value: 'new' }).expect(200);
      for (let waited = 0; !output.includes('\n') && waited < 10_000; waited += 20) await pause(20);
      expect(JSON.parse(output)).toMatchObject({ changed: ['EMPTY'] });
    } finally {
      // The whole group: curl and sed are the script's children.
      process.kill(-(child.pid ?? 0), 'SIGTERM');
      await once(child, 'close');
    }
  });
});
