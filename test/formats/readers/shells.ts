import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The usual shells that are installed here, each once: `sh`, which always is, may be another name of a later one. */
export const SHELLS = [...new Map(['sh', 'bash', 'dash'].flatMap(locate)).values()];

function locate(shell: string): (readonly [program: string, path: string])[] {
  const { status, stdout } = spawnSync('sh', ['-c', `command -v ${shell}`], { encoding: 'utf8' });
  const path = stdout.trim();
  return status === 0 ? [[realpathSync(path), path]] : [];
}

const PRINT_FILE = 'process.stdout.write(require("fs").readFileSync(process.argv[1]))';
const PRINT_ENVIRONMENT = 'process.stdout.write(JSON.stringify(process.env))';

/**
 * The environment that a program gets when a shell evaluates the text the way the documentation tells people to. The
 * environment of a process has a size: some hundreds of KiB are fine.
 */
export function readWithShell(shell: string, text: string, locale: string): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-shell-'));
  try {
    const file = join(folder, 'exports.sh');
    writeFileSync(file, text);
    const script = `eval "$("$1" -e '${PRINT_FILE}' "$2")"; exec "$1" -e '${PRINT_ENVIRONMENT}'`;
    const output = execFileSync(shell, ['-c', script, shell, process.execPath, file], {
      env: { LC_ALL: locale },
      // With a socket as its input, bash takes itself for a remote login and reads somebody's settings.
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    const environment: unknown = JSON.parse(output);
    if (typeof environment !== 'object' || environment === null) throw new Error('no environment');
    return new Map(Object.entries(environment).map(([name, value]) => [name, String(value)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
