// Starts the tools that the scripts are made of. What a script was asked to end, it ends: a signal to the script
// alone is passed on, and the end of npm, which dies of a TERM without telling anybody, counts as a signal.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const EXIT_CODE_OF = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
const GRACE_MS = 10_000;

/**
 * Runs a program in the root of the repository with our input and output, and gives back its exit code.
 * Ends this process, after the program, when a signal comes. `limitMs`: the program is ended after that time.
 */
export function run(program, args, { env = process.env, limitMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, env, stdio: 'inherit' });
    let asked = null;
    let timer;
    const end = (signal) => {
      child.kill(signal);
      timer ??= setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    };
    const onSignal = (signal) => {
      asked ??= signal;
      end(signal);
    };
    for (const signal of Object.keys(EXIT_CODE_OF)) process.on(signal, onSignal);
    const forget = whenNpmEnds(() => onSignal('SIGTERM'));
    const limit = setTimeout(
      () => {
        say(`This takes longer than ${limitMs / 60_000} minutes and is ended.`);
        end('SIGTERM');
      },
      limitMs ?? 2 ** 31 - 1,
    );
    const finish = (code) => {
      clearTimeout(timer);
      clearTimeout(limit);
      forget();
      for (const signal of Object.keys(EXIT_CODE_OF)) process.off(signal, onSignal);
      if (asked !== null) process.exit(EXIT_CODE_OF[asked]);
      resolve(code);
    };
    child.on('error', (error) => {
      say(`${program} could not be started: ${error.message}`);
      finish(1);
    });
    child.on('exit', (code, signal) => finish(code ?? EXIT_CODE_OF[signal] ?? 1));
  });
}

/** Runs the program of an installed package. */
export function tool(path, args, options) {
  return run(process.execPath, [join(root, 'node_modules', path), ...args], options);
}

/** Calls back once when the npm that started this process is gone. Returns a function that stops watching. */
export function whenNpmEnds(callback) {
  if (process.env.npm_lifecycle_event === undefined) return () => {};
  const parent = process.ppid;
  // npm starts a script through a shell; some shells replace themselves by the script and some wait for it.
  const shell = statusOf(parent);
  const npm = shell !== null && /^(?:da|ba|a|z)?sh$|^busybox$/.test(shell.name) ? shell.parent : null;
  const timer = setInterval(() => {
    if (process.ppid === parent && (npm === null || statusOf(parent)?.parent === npm)) return;
    clearInterval(timer);
    callback();
  }, 200);
  timer.unref();
  return () => clearInterval(timer);
}

/** The name and the parent of a process; null where the system has no /proc. */
function statusOf(pid) {
  try {
    const [, name, rest] = /\((.*)\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return { name, parent: Number(rest.split(' ')[1]) };
  } catch {
    return null;
  }
}

/** What the scripts say goes to stderr: stdout belongs to what they start. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}
