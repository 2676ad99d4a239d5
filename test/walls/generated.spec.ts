import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestApp } from '../support/app.js';
import { ROOT } from '../support/sources.js';

// What is generated is checked in, so that it can be read; here it is made again and compared. Who changes a route or a
// command runs the script that a failure names.

type Checked = Readonly<{ code: number; stderr: string }>;

function check(script: string, args: readonly string[]): Promise<Checked> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'] };
    execFile(process.execPath, [join(ROOT, 'scripts', script), ...args], { env }, (error, _, stderr) => {
      resolve({ code: error === null ? 0 : 1, stderr });
    });
  });
}

/** Two programs that load a compiler each: seconds, on a busy machine many of them. */
const PATIENCE_MS = 150_000;

const CURRENT: Checked = { code: 0, stderr: '' };

describe('what is generated', () => {
  it(
    'src/cli/api-types.ts is what the service says of itself (npm run api-types)',
    async () => {
      const app = await TestApp.start();
      const folder = await mkdtemp(join(tmpdir(), 'coffer-generated-'));
      try {
        const { text } = await app.as(null).get('/openapi.json').expect(200);
        const file = join(folder, 'openapi.json');
        await writeFile(file, text);
        expect(await check('generate-api-types.mjs', [file, '--check'])).toEqual(CURRENT);
        await writeFile(file, JSON.stringify({ ...JSON.parse(text), paths: {} }));
        expect(await check('generate-api-types.mjs', [file, '--check'])).toEqual({
          code: 1,
          stderr: expect.stringContaining('npm run api-types'),
        });
      } finally {
        await rm(folder, { recursive: true, force: true });
        await app.close();
      }
    },
    PATIENCE_MS,
  );

  it(
    'docs/cli.md is what the command says of itself (npm run cli-docs)',
    async () => {
      expect(await check('generate-cli-docs.mjs', ['--check'])).toEqual(CURRENT);
    },
    PATIENCE_MS,
  );
});
