import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, rm, mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT } from '../support/sources.js';

// `npm start` of this very checkout, as people type it, in a process group of its own.

const unfinished: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const finish of unfinished.splice(0).reverse()) await finish();
});

type Started = Readonly<{ npm: ChildProcess; dataDir: string; said: () => string }>;

async function npmStart(settings: Readonly<Record<string, string>> = {}): Promise<Started> {
  const dataDir = await mkdtemp(join(tmpdir(), 'coffer-start-'));
  const npm = spawn('npm', ['start'], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      COFFER_LISTEN: '127.0.0.1:0',
      COFFER_DATA_DIR: dataDir,
      ...settings,
    },
  });
  let said = '';
  npm.stdout.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  npm.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  unfinished.push(async () => {
    signalGroup(npm, 'SIGKILL');
    await eventually(async () => (await processesOn(dataDir)).length === 0);
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
  });
  return { npm, dataDir, said: () => said };
}

async function untilItListens({ npm, said }: Started): Promise<void> {
  await eventually(async () => {
    if (npm.exitCode !== null) throw new Error(`npm start ended:\n${said()}`);
    return said().includes('Coffer listens on');
  });
}

/** The numbers of the living processes that were told of this data directory, by argument or by environment. */
async function processesOn(dataDir: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(
    pids.map(async (pid) => {
      const [argv, environment] = await Promise.all(
        ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
      );
      return `${argv ?? ''}${environment ?? ''}`;
    }),
  );
  return pids.filter((_pid, index) => texts[index]?.includes(dataDir)).map(Number);
}

async function nothingIsLeft({ dataDir }: Started): Promise<void> {
  await eventually(async () => (await processesOn(dataDir)).length === 0);
  expect(await readdir(join(dataDir, 'postgres', 'data'))).not.toContain('postmaster.pid');
}

async function scriptOf({ dataDir }: Started): Promise<number> {
  for (const pid of await processesOn(dataDir)) {
    const argv = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '');
    if (argv === 'node\0scripts/start.mjs\0') return pid;
  }
  throw new Error('The script is not running.');
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-(pid ?? 0), signal);
  } catch {
    // The whole group has ended already.
  }
}

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 45_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('It did not come about in 45 seconds.');
    await pause(50);
  }
}

describe('npm start', () => {
  it('gives the exit code of the service, which a TERM ends cleanly', async () => {
    const started = await npmStart();
    await untilItListens(started);
    process.kill(await scriptOf(started), 'SIGTERM');
    expect(await exitCodeOf(started.npm)).toBe(0);
    await nothingIsLeft(started);
  });

  it('ends the service completely when npm alone is asked to end', async () => {
    const started = await npmStart();
    await untilItListens(started);
    started.npm.kill('SIGTERM');
    await exitCodeOf(started.npm);
    await nothingIsLeft(started);
    expect(started.said()).toContain('Stopping after SIGTERM');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends the service completely on a %s to the whole group',
    async (signal) => {
      const started = await npmStart();
      await untilItListens(started);
      signalGroup(started.npm, signal);
      await exitCodeOf(started.npm);
      await nothingIsLeft(started);
    },
  );

  it('says which port is taken and exits 1, with nothing left running', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const started = await npmStart({ COFFER_LISTEN: `127.0.0.1:${String(port)}` });
    const code = await exitCodeOf(started.npm);
    other.close();
    expect(code).toBe(1);
    expect(started.said()).toContain(`Port ${String(port)} on 127.0.0.1 is taken`);
    expect(started.said()).not.toContain('"level":50');
    await nothingIsLeft(started);
  });

  it('tells all that is wrong with the settings and starts nothing', async () => {
    const started = await npmStart({ COFFER_SIGNUP: 'maybe', COFFER_NO_SUCH: 'x' });
    expect(await exitCodeOf(started.npm)).toBe(78);
    expect(started.said()).toContain('COFFER_SIGNUP: must be one of');
    expect(started.said()).toContain('COFFER_NO_SUCH: is not a setting');
    expect(await readdir(started.dataDir)).toEqual([]);
  });
});
