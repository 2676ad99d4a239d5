import { existsSync, readFileSync } from 'node:fs';

let known: string | undefined;

/** The version of the package that this file belongs to. */
export function version(): string {
  known ??= readVersion();
  return known;
}

/** Above `dist/src/cli`, and above `src/cli` for what reads the sources. */
function packageFile(): URL {
  const near = new URL('../../package.json', import.meta.url);
  return existsSync(near) ? near : new URL('../../../package.json', import.meta.url);
}

function readVersion(): string {
  const text = readFileSync(packageFile(), 'utf8');
  const found = /"version":\s*"([^"]+)"/.exec(text)?.[1];
  if (found === undefined) throw new Error('package.json has no version');
  return found;
}
