import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// What a shell sets for itself when it starts with an empty environment.
const SET_BY_SHELLS = new Set(['PWD', 'OLDPWD', 'SHLVL', '_', 'LC_ALL', '__CF_USER_TEXT_ENCODING']);

const KNOWN_SHELLS = ['sh', 'bash', 'dash', 'busybox', 'ksh', 'mksh', 'zsh', 'yash'];

/** Every shell that is installed here; `sh` always is. */
export const SHELLS = KNOWN_SHELLS.filter((shell) => spawnSync('which', [shell]).status === 0);

/**
 * The environment that a program gets when a shell evaluates the text the way the documentation tells people to. The
 * environment of a process has a size: some hundreds of KiB are fine.
 */
export function readWithShell(shell: string, text: string, locale: string): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-shell-'));
  try {
    const file = join(folder, 'exports.sh');
    writeFileSync(file, text);
    const script =
      'eval "$(/bin/cat "$1")"; exec "$2" -e "process.stdout.write(JSON.stringify(process.env))"';
    const options = shell === 'busybox' ? ['sh', '-c', script] : ['-c', script];
    const output = execFileSync(shell, [...options, 'sh', file, process.execPath], {
      env: { LC_ALL: locale },
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    const environment: unknown = JSON.parse(output);
    if (typeof environment !== 'object' || environment === null) throw new Error('no environment');
    const variables = Object.entries(environment).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    return new Map(variables.filter(([name]) => !SET_BY_SHELLS.has(name)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
