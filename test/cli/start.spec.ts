import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLI, type Coffer, type Ended } from './support/coffer.js';
import { Workplace } from './support/service.js';

/** The quickest of some starts says what a start costs; the others say what else the machine was doing. */
const STARTS = 6;

describe('the command starts at once', () => {
  let place: Workplace;
  let coffer: Coffer;
  let bare: number;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    bare = await quickest(() => spawnSync(process.execPath, ['-e', '0']));
  });

  afterAll(() => place.close());

  async function quickest(start: () => unknown): Promise<number> {
    const times: number[] = [];
    for (let each = 0; each < STARTS; each += 1) {
      const begun = performance.now();
      await start();
      times.push(performance.now() - begun);
    }
    return Math.min(...times);
  }

  it('says its version in less than 2.5 times what Node needs to do nothing', async () => {
    const version = await quickest(() => spawnSync(process.execPath, [CLI, '--version']));
    expect(version / bare).toBeLessThan(2.5);
  });

  it('lists secrets, the service’s answer included, in less than 6 times of that', async () => {
    const list = await quickest((): Promise<Ended> => coffer.run(['list']));
    expect(list / bare).toBeLessThan(6);
  });

  it('loads no part of the service, and for the version neither the parser nor what talks to a service', async () => {
    expect((await loaded(['--version'])).sort()).toEqual(['cli', 'failure', 'terminal', 'version']);
    const list = await loaded(['list']);
    expect(list).toContain('http');
    expect(list.filter((name) => name.includes('node_modules') && !name.includes('/commander/'))).toEqual([]);
    expect(
      list.filter((name) => /^\.\.\/(?!formats\/)/.test(name) && !name.includes('node_modules')),
    ).toEqual([]);
  });

  /** The modules that a call loads, from the command's folder on, as Node's coverage knows them. */
  async function loaded(args: readonly string[]): Promise<string[]> {
    const folder = coffer.path(`coverage-${args.join('')}`);
    await coffer.run(args, { env: { NODE_V8_COVERAGE: folder } });
    const [file = ''] = readdirSync(folder);
    const { result } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    return result
      .map(({ url }: { url: string }) => url)
      .filter((url: string) => url.startsWith('file:'))
      .map((url: string) => relative(dirname(CLI), fileURLToPath(url)).replace(/\.js$/, ''));
  }
});
