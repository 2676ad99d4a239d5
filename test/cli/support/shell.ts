import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { delimiter } from 'node:path';
import { CLI, type Coffer, type Ended, type How } from './coffer.js';

/** A script in a real shell, in the command's home and with `coffer` on the PATH, as somebody types it who has linked it. */
export async function inShell(
  coffer: Coffer,
  script: string,
  { shell = 'bash', env }: Pick<How, 'env'> & { shell?: string } = {},
): Promise<Ended> {
  const { PATH = '', ...rest } = coffer.environment(env);
  const child = spawn(shell, ['-c', script], {
    cwd: coffer.home,
    env: { ...rest, PATH: [linked(coffer), PATH].join(delimiter) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = coffer.output(child);
  await once(child, 'exit');
  return ended;
}

/** A folder with nothing but `coffer` in it: the program itself, as npm links it. */
function linked(coffer: Coffer): string {
  const folder = coffer.path('bin');
  if (!existsSync(folder)) {
    mkdirSync(folder);
    symlinkSync(CLI, coffer.path('bin/coffer'));
  }
  return folder;
}
