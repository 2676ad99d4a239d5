import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLI } from '../cli/support/coffer.js';
import { Client } from '../support/client.js';
import { runInBash, settled, stepsOf } from '../support/console-story.js';
import { ServiceProcess } from '../support/service-process.js';
import { ROOT } from '../support/sources.js';
import { World } from '../support/world.js';

/** How many there are of anything is not what the page promises. */
function withoutNumbers(text: string): string {
  return settled(text).replaceAll(/\b\d[\d,]*\b/g, '<n>');
}

/** Most commands start and stop a PostgreSQL of their own. */
const PATIENCE_MS = 300_000;

describe('docs/operating.md', () => {
  let folder: string;
  let pipeline: { token: string };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-docs-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const start = (dataDir: string): Promise<ServiceProcess> =>
    ServiceProcess.start({ COFFER_DATA_DIR: join(folder, dataDir), COFFER_LOG_LEVEL: 'error' });

  /** A service as somebody has it who has just begun: the embedded database, the root key beside it. */
  async function beginning(): Promise<void> {
    const service = await start('.coffer');
    const world = new World({
      as: (caller) =>
        new Client(service.url, typeof caller === 'object' && caller !== null ? caller.token : caller),
    });
    const olivia = await world.user('olivia');
    await world.org('acme', olivia);
    const env = await world.environment('acme/web/default', olivia);
    await env.secret('A', 'the value of A');
    await env.secret('B', 'the value of B');
    await new Client(service.url, olivia.token)
      .post('/api/v2/users/me/secrets', { name: 'mine', value: 'of olivia alone' })
      .expect(201);
    pipeline = await world.serviceToken(olivia, 'consumer', 'acme/web');
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  }

  it(
    'answers every command as it prints, and the service reads the same values afterwards',
    async () => {
      await beginning();
      const steps = stepsOf(await readFile(join(ROOT, 'docs/operating.md'), 'utf8'));
      const npx = `npx() { shift; '${process.execPath}' '${CLI}' "$@"; }`;
      const [, ...answers] = await runInBash([npx, ...steps.map(({ command }) => command)], folder);
      expect(steps.length).toBeGreaterThan(8);
      steps.forEach(({ answer, line }, index) => {
        expect(`line ${line}: ${withoutNumbers(answers[index] ?? '')}`).toBe(
          `line ${line}: ${withoutNumbers(answer)}`,
        );
      });
      for (const dataDir of ['.coffer', 'restored']) {
        const service = await start(dataDir);
        const { body } = await new Client(service.url, pipeline.token)
          .get('/acme/web/envs/default/values')
          .expect(200);
        expect(body.values).toEqual({ A: 'the value of A', B: 'the value of B' });
        await service.kill('SIGTERM');
      }
    },
    PATIENCE_MS,
  );

  it(
    'joins the embedded database of a service that runs, and leaves it running',
    async () => {
      const service = await start('.coffer');
      const env = { COFFER_DATA_DIR: join(folder, '.coffer') };
      const settings = Object.entries(env).map(([name, value]) => `export ${name}='${value}'`);
      const npx = `npx() { shift; '${process.execPath}' '${CLI}' "$@"; }`;
      const commands = ['backup while-running.backup', 'verify-audit', 'rotate-data-keys', 'migrate'];
      const [, , ...answers] = await runInBash(
        [npx, ...settings, ...commands.map((command) => `npx coffer admin ${command}; echo "exit $?"`)],
        folder,
      );
      for (const answer of answers) expect(answer).toContain('exit 0');
      await new Client(service.url, pipeline.token).get('/acme/web/envs/default/values').expect(200);
      expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    },
    PATIENCE_MS,
  );
});
