import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from './sources.js';

const START_DEADLINE_MS = 60_000;

/** The built service as a process of its own, as `npm start` runs it. */
export class ServiceProcess {
  private constructor(
    readonly child: ChildProcess,
    readonly url: string,
  ) {}

  /**
   * Starts it on a free port and waits until it says where it listens. Throws with what it printed when it ends before. `flags` are those of
   * node itself.
   */
  static async start(
    settings: Readonly<Record<string, string>>,
    flags: readonly string[] = [],
  ): Promise<ServiceProcess> {
    const env = {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      COFFER_LISTEN: '127.0.0.1:0',
      ...settings,
    };
    const child = spawn(process.execPath, [...flags, join(ROOT, 'dist/src/main.js')], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.resume();
    return new ServiceProcess(child, await announcedBy(child));
  }

  async kill(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill(signal);
      await once(this.child, 'exit');
    }
    return { code: this.child.exitCode, signal: this.child.signalCode };
  }
}

function announcedBy(child: ChildProcess): Promise<string> {
  let printed = '';
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the service did not start in time:\n${printed}`));
    }, START_DEADLINE_MS);
    child.stderr?.on('data', (chunk: Buffer) => {
      printed += chunk.toString('utf8');
      const url = /listens on (http:\/\/\S+)/.exec(printed)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the service ended with ${String(code)}:\n${printed}`));
    });
  });
}
