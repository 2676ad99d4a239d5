import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT, sourcesBelow, type Source } from '../support/sources.js';

/** What each folder of `src` may import of ours, besides itself. Imports only go down. */
const FLOOR_0 = ['config', 'errors', 'formats', 'access'];
const FLOORS_0_1 = [...FLOOR_0, 'database'];
const FLOORS_0_2 = [...FLOORS_0_1, 'crypto', 'audit'];
const FLOORS_0_4 = [...FLOORS_0_2, 'grants', 'tenancy', 'identity', 'secrets', 'personal'];

const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  config: [],
  errors: [],
  formats: [],
  access: ['errors'],
  database: ['config', 'errors'],
  crypto: FLOORS_0_1,
  audit: FLOORS_0_1,
  grants: [...FLOORS_0_1, 'audit'],
  tenancy: [...FLOORS_0_2, 'grants'],
  identity: [...FLOORS_0_2, 'grants'],
  secrets: FLOORS_0_2,
  personal: FLOORS_0_2,
  http: FLOORS_0_4,
  health: FLOORS_0_4,
  cli: ['formats', 'errors'],
};

const sources = sourcesBelow('src');

/** `src/secrets/values.service.ts` → `secrets`; files beside the folders are the composition. */
function folderOf(path: string): string | null {
  const parts = path.split('/');
  return parts[0] === 'src' && parts.length > 2 ? (parts[1] ?? null) : null;
}

function inFolder({ path }: Source): boolean {
  return folderOf(path) !== null;
}

describe('the architecture', () => {
  it('has no folder that the table of imports does not know', () => {
    expect(
      [...new Set(sources.map(({ path }) => folderOf(path)))].filter(
        (folder) => folder !== null && !(folder in MAY_IMPORT),
      ),
    ).toEqual([]);
  });

  it('lets imports go down only, and no feature import another', () => {
    const broken = sources.filter(inFolder).flatMap(({ path, imports }) => {
      const own = folderOf(path) ?? '';
      const allowed = path.startsWith('src/cli/admin/') ? [...FLOORS_0_2, 'cli'] : (MAY_IMPORT[own] ?? []);
      return imports
        .filter((imported) => {
          const target = folderOf(imported);
          if (imported.startsWith('migrations/')) return own !== 'database';
          if (imported === 'src/data-source.ts') return !path.startsWith('src/cli/admin/');
          return target === null || (target !== own && !allowed.includes(target));
        })
        .map((imported) => `${path} → ${imported}`);
    });
    expect(broken).toEqual([]);
  });

  it('imports only files that exist', () => {
    const missing = sources.flatMap(({ path, imports }) =>
      imports
        .filter((imported) => !existsSync(join(ROOT, imported)))
        .map((imported) => `${path} → ${imported}`),
    );
    expect(missing).toEqual([]);
  });

  it('has no circle of imports', () => {
    const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]));
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      if (done.has(path) || trail.includes(path)) return;
      for (const next of importsOf.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const { path } of sources) visit(path, []);
    expect(circles).toEqual([]);
  });

  it('has no barrel, no forwardRef, no folder for odds and ends', () => {
    const odd = sources.filter(
      ({ path, text }) =>
        basename(path) === 'index.ts' ||
        text.includes('forwardRef') ||
        /\/(?:common|utils?|helpers?|shared|misc)\//.test(path),
    );
    expect(odd.map(({ path }) => path)).toEqual([]);
  });

  it('reads the environment of the process in src/config alone, and in one file of the command', () => {
    const readers = sources.filter(
      ({ path, text }) => /process\.env|process\[/.test(text) && folderOf(path) !== 'config',
    );
    expect(readers.map(({ path }) => path)).toEqual(['src/cli/environment.ts']);
  });

  it('makes proofs in the authorize guard alone', () => {
    const makers = sources.filter(({ text }) => /Access\.decided\b/.test(text)).map(({ path }) => path);
    expect(makers).toEqual(['src/http/authorize.guard.ts']);
  });

  it('makes claims in the authorize guard alone, and opens them in the ledger alone', () => {
    const using = (pattern: RegExp) =>
      sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
    expect(using(/Claim\.(?:remembered|proven)\b/)).toEqual([
      'src/access/claim.ts',
      'src/http/authorize.guard.ts',
    ]);
    expect(using(/Claim\.open\b/)).toEqual(['src/audit/ledger.ts']);
  });

  it('reveals plaintexts only where they are sealed, checked or sent to somebody whose right is proven', () => {
    const revealing = sources.filter(({ text }) => text.includes('.reveal()')).map(({ path }) => path);
    expect(revealing).toEqual([
      'src/crypto/data-key.ts',
      'src/personal/coder.views.ts',
      'src/personal/dreadnode.views.ts',
      'src/personal/sealing.ts',
      'src/secrets/environment-values.service.ts',
      'src/secrets/idempotency.ts',
      'src/secrets/secret.requests.ts',
      'src/secrets/values.service.ts',
    ]);
  });

  it('asks the database through its one door', () => {
    const others = sources.filter(
      ({ path, text }) =>
        /from '(?:pg|typeorm)'/.test(text) &&
        folderOf(path) !== 'database' &&
        inFolder({ path, text, imports: [] }),
    );
    expect(others.map(({ path }) => path)).toEqual([]);
  });

  it('keeps files small: none over 400 lines but the one that is generated', () => {
    const long = sources.filter(({ text }) => text.split('\n').length > 400).map(({ path }) => path);
    expect(long).toEqual(['src/cli/api-types.ts']);
  });
});
