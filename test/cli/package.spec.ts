import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../support/sources.js';
import type { Coffer, How } from './support/coffer.js';
import { Workplace } from './support/service.js';

const exec = promisify(execFile);

type Manifest = Readonly<{ dependencies: Record<string, string>; bin: { coffer: string }; version: string }>;

/** What a built file imports: by a statement, for its effect, or when it is needed. */
const IMPORT = /(?:^(?:import|export) (?:[^;'"]*? from )?|\bimport\()['"]([^'"]+)['"]/gm;

describe('the package', () => {
  let place: Workplace;
  let coffer: Coffer;
  let installed: string;
  let manifest: Manifest;

  /** Installed as npm does it, from its file and without a network: beside it stands what it depends on, and nothing else. */
  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    const target = ['--pack-destination', coffer.home];
    await exec('npm', ['pack', '--ignore-scripts', ...target], { cwd: ROOT, env: npmEnvironment() });
    const file = readdirSync(coffer.home).find((name) => name.endsWith('.tgz')) ?? '';
    const modules = coffer.path('elsewhere/node_modules');
    installed = join(modules, 'coffer');
    mkdirSync(installed, { recursive: true });
    await exec('tar', ['-xzf', coffer.path(file), '--strip-components=1', '-C', installed]);
    manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    for (const name of Object.keys(manifest.dependencies)) {
      mkdirSync(join(modules, name, '..'), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    }
  });

  afterAll(() => place.close());

  function npmEnvironment(): NodeJS.ProcessEnv {
    const { PATH } = process.env;
    return { PATH, HOME: coffer.home, npm_config_offline: 'true', npm_config_prefix: coffer.path('global') };
  }

  async function run(
    args: readonly string[],
    env: How['env'] = {},
  ): Promise<{ stdout: string; stderr: string }> {
    const program = join(installed, manifest.bin.coffer);
    return exec(program, args, { cwd: coffer.home, env: coffer.environment(env) });
  }

  function packed(): string[] {
    return readdirSync(installed, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(installed, name)).isFile())
      .sort();
  }

  it('holds what runs and what explains it, and nothing that tests, measures or belongs to a checkout', () => {
    const odd = packed().filter((name) => !/^dist\/(?:src|migrations)\/[\w./-]+\.js(?:\.map)?$/.test(name));
    expect(odd).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
    expect(packed().filter((name) => /(?:^|\/)(?:test|bench|\.)|\.spec\./.test(name))).toEqual([]);
  });

  it('depends on everything that it imports', () => {
    const imported = packed()
      .filter((name) => name.endsWith('.js'))
      .flatMap((name) => [...readFileSync(join(installed, name), 'utf8').matchAll(IMPORT)])
      .map(([, specifier = '']) => specifier)
      .filter((specifier) => !specifier.startsWith('.') && !isBuiltin(specifier))
      .map((specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
    expect(imported).toEqual(expect.arrayContaining(['commander', '@nestjs/core', 'string-width']));
    expect([...new Set(imported)].filter((name) => !(name in manifest.dependencies))).toEqual([]);
  });

  it('gives a coffer that runs elsewhere: version, help, and a day’s work', async () => {
    expect((await run(['--version'])).stdout).toBe(`${manifest.version}\n`);
    expect((await run(['--help'])).stdout).toContain('Usage: coffer');
    await run(['declare', 'KEY', '--description', '鍵']);
    await coffer.run(['set', 'KEY'], { input: 'v' });
    expect((await run(['list'])).stdout).toMatch(/^KEY .*鍵$/m);
    expect((await run(['export', '--format', 'yaml'])).stdout).toBe('KEY: "v"\n');
    expect((await run(['run', '--', 'printenv', 'KEY'])).stdout).toBe('v\n');
    expect((await run(['completion', 'bash'])).stdout).toContain('complete ');
    await run(['audit', 'export', '-o', 'chain']);
    expect((await run(['audit', 'verify', 'chain'])).stdout).toContain('as they were written');
  });

  it('from a clone, coffer is there by npx and by npm link', async () => {
    const options = { cwd: ROOT, env: npmEnvironment() };
    expect((await exec('npx', ['coffer', '--version'], options)).stdout).toBe(`${manifest.version}\n`);
    await exec('npm', ['link', '--ignore-scripts'], options);
    const linked = spawnSync(coffer.path('global/bin/coffer'), ['--version'], { encoding: 'utf8' });
    expect(linked.stdout).toBe(`${manifest.version}\n`);
  });
});
