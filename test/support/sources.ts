import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

export type Source = Readonly<{ path: string; text: string; imports: readonly string[] }>;

/** Every TypeScript file below a folder of the repository, with what it imports of ours as paths from the root. */
export function sourcesBelow(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => read(join(folder, name)));
}

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const found = [...text.matchAll(/(?:\bfrom|\bimport\(|^import)\s*['"](\.[^'"]+)['"]/gm)];
  const imports = found.map(([, specifier]) =>
    relative(ROOT, resolve(ROOT, dirname(path), specifier ?? '')).replace(/\.js$/, '.ts'),
  );
  return { path, text, imports };
}
