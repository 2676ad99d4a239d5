import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT } from '../support/sources.js';

// The scripts work on the checkout that they lie in. Here it is a tiny one, whose npm and compiler write down that
// they were called: what is tested is when they are, not what they do.

const FILES: Readonly<Record<string, string>> = {
  'package.json': '{"type": "module"}',
  'package-lock.json': '{}',
  'nest-cli.json': '{}',
  'tsconfig.json': '{}',
  'tsconfig.build.json': '{}',
  'src/main.ts': 'console.log("serving"); process.exitCode = 7;',
  'migrations/one.ts': '',
  'npm.js': `import { appendFileSync, mkdirSync, writeFileSync, existsSync, copyFileSync } from 'node:fs';
    appendFileSync('calls', 'npm ' + process.argv[2] + '\\n');
    if (process.argv[2] === 'ci' && existsSync('lock-is-wrong')) process.exit(1);
    mkdirSync('node_modules/@nestjs/cli/bin', { recursive: true });
    copyFileSync('nest.txt', 'node_modules/@nestjs/cli/bin/nest.js');
    writeFileSync('node_modules/.package-lock.json', '{}');`,
  'nest.txt': `const { appendFileSync, cpSync, existsSync, rmSync } = require('node:fs');
    appendFileSync('calls', 'build\\n');
    rmSync('dist', { recursive: true, force: true });
    cpSync('src/main.ts', 'dist/src/main.js');
    cpSync('src/main.ts', 'dist/src/cli/cli.js');
    if (existsSync('source-is-wrong')) process.exit(1);
    if (existsSync('build-is-killed')) process.kill(process.pid, 'SIGKILL');`,
};

let checkout: string;

beforeEach(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'coffer checkout '));
  await cp(join(ROOT, 'scripts'), join(checkout, 'scripts'), { recursive: true });
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(join(checkout, path, '..'), { recursive: true });
    await writeFile(join(checkout, path), text);
  }
});

afterEach(() => rm(checkout, { recursive: true, force: true }));

async function start(): Promise<{ code: number | null; output: string; calls: string[] }> {
  await writeFile(join(checkout, 'calls'), '');
  const child = spawn(process.execPath, ['scripts/start.mjs'], {
    cwd: checkout,
    env: { PATH: process.env['PATH'], npm_execpath: join(checkout, 'npm.js') },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  await once(child, 'close');
  const calls = (await readFile(join(checkout, 'calls'), 'utf8')).split('\n').filter(Boolean);
  return { code: child.exitCode, output, calls };
}

/** Makes a file look changed just now, whatever the resolution of the file system's clock. */
async function change(path: string): Promise<void> {
  await pause(20);
  const now = new Date(Date.now() + 1);
  await utimes(join(checkout, path), now, now);
}

describe('the start of a checkout', () => {
  it('installs and builds once, then only starts', async () => {
    expect(await start()).toMatchObject({ code: 7, calls: ['npm ci', 'build'] });
    const again = await start();
    expect(again).toMatchObject({ code: 7, calls: [] });
    expect(again.output).toBe('serving\n');
  });

  it('installs again when the lock file is newer than the packages', async () => {
    await start();
    await change('package-lock.json');
    expect((await start()).calls).toEqual(['npm ci']);
    expect((await start()).calls).toEqual([]);
  });

  it('installs with npm install when the lock file does not fit', async () => {
    await writeFile(join(checkout, 'lock-is-wrong'), '');
    expect(await start()).toMatchObject({ code: 7, calls: ['npm ci', 'npm install', 'build'] });
  });

  it.each(['src/main.ts', 'migrations/one.ts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'])(
    'builds again when %s is newer than the last build',
    async (path) => {
      await start();
      await change(path);
      expect((await start()).calls).toEqual(['build']);
      expect((await start()).calls).toEqual([]);
    },
  );

  it('builds again when a source is gone', async () => {
    await writeFile(join(checkout, 'src/other.ts'), '');
    await start();
    await pause(20);
    await rm(join(checkout, 'src/other.ts'));
    expect((await start()).calls).toEqual(['build']);
  });

  it.each(['source-is-wrong', 'build-is-killed'])(
    'starts nothing after a build that failed (%s), and builds again the next time',
    async (reason) => {
      await start();
      await writeFile(join(checkout, reason), '');
      await change('src/main.ts');
      for (let attempt = 0; attempt < 2; attempt++) {
        const failed = await start();
        expect(failed).toMatchObject({ code: 1, calls: ['build'] });
        expect(failed.output).not.toContain('serving');
        expect(failed.output).toContain('The build failed');
      }
      await rm(join(checkout, reason));
      expect(await start()).toMatchObject({ code: 7, calls: ['build'] });
    },
  );
});
