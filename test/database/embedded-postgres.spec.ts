import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import type { EmbeddedPostgresOptions } from '../../src/database/embedded-postgres.js';

const unfinished: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const finish of unfinished.splice(0).reverse()) await finish();
});

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'coffer embedded "it\'s" '));
  unfinished.push(() => rm(directory, { recursive: true, force: true, maxRetries: 20 }));
  return directory;
}

async function start(dataDir: string, options: Partial<EmbeddedPostgresOptions> = {}) {
  const lines: string[] = [];
  const server = await startEmbeddedPostgres({
    dataDir,
    durable: false,
    log: (line) => lines.push(line),
    ...options,
  });
  unfinished.push(() => server.stop());
  return { ...server, lines };
}

/** The same in a process of its own, which can be killed. */
async function startElsewhere(dataDir: string): Promise<{ child: ChildProcess; url: string }> {
  const program = `
    await import(${JSON.stringify(new URL('../../scripts/typescript.mjs', import.meta.url).href)});
    const { startEmbeddedPostgres } = await import(${JSON.stringify(new URL('../../src/database/embedded-postgres.ts', import.meta.url).href)});
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, log: () => {} });
    const finish = async () => { await server.stop(); process.exit(0); };
    process.on('SIGTERM', finish).on('SIGINT', finish);
    console.log(server.url);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  unfinished.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  for await (const line of createInterface({ input: child.stdout })) return { child, url: line };
  throw new Error('The process ended without a word.');
}

async function ask(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const result = await client.query<Record<string, unknown>>(statement);
    return result.rows;
  } finally {
    await client.end();
  }
}

async function serverPid(dataDir: string): Promise<number> {
  return Number((await readFile(join(dataDir, 'postgres', 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(50);
    }
  }
}

describe('a first start', () => {
  it('makes a database that sorts by bytes, listens on the loopback address only and keeps what it acknowledges', async () => {
    const directory = await temporary();
    const { url } = await start(directory, { durable: true });
    const [row] = await ask(
      url,
      `select current_database() as name, pg_encoding_to_char(encoding) as encoding, datcollate, datlocale,
              current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
              current_setting('listen_addresses') as listens, 'a' > 'B' as by_bytes
         from pg_database where datname = current_database()`,
    );
    expect(row).toEqual({
      name: 'coffer',
      encoding: 'UTF8',
      datcollate: 'C',
      datlocale: 'C.UTF-8',
      fsync: 'on',
      commit: 'on',
      listens: '127.0.0.1',
      by_bytes: true,
    });
  });

  it('keeps a random password that only its owner can read, and lets nobody in without it', async () => {
    const directory = await temporary();
    const { url } = await start(directory);
    const file = join(directory, 'postgres', 'password');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(new URL(url).password).toBe((await readFile(file, 'utf8')).trim());
    expect(new URL(url).password).toMatch(/^[0-9a-f]{48}$/);
    const guessed = new URL(url);
    guessed.password = 'postgres';
    await expect(ask(guessed.href, 'select 1')).rejects.toThrow('password authentication failed');
  });

  it('works in a directory that nobody but its owner may enter, below another such directory', async () => {
    const directory = await temporary();
    const closed = join(directory, 'data');
    await mkdir(closed, { mode: 0o700 });
    await chmod(directory, 0o700);
    const { url } = await start(closed);
    expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(closed)).mode & 0o007).toBe(0);
  });

  it('takes up after one that was cut off in the middle', async () => {
    const directory = await temporary();
    const unfinishedCluster = join(directory, 'postgres.new-4194305');
    await mkdir(unfinishedCluster);
    await writeFile(join(unfinishedCluster, 'password'), 'half');
    const { url } = await start(directory);
    expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(await readdir(directory)).toEqual(['postgres']);
  });

  it('says which directory it cannot use', async () => {
    const directory = await temporary();
    await writeFile(join(directory, 'file'), '');
    await expect(start(join(directory, 'file'))).rejects.toThrow(
      /data directory .*file cannot be used.*COFFER_DATA_DIR/,
    );
  });
});

describe('the end', () => {
  it('leaves no process and no lock, and the data for the next start', async () => {
    const directory = await temporary();
    const first = await start(directory);
    await ask(first.url, 'create table kept (n int)');
    const pid = await serverPid(directory);
    await Promise.all([first.stop(), first.stop()]);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(await readdir(join(directory, 'postgres', 'data'))).not.toContain('postmaster.pid');
    const second = await start(directory);
    expect(await ask(second.url, 'select count(*)::int as n from kept')).toEqual([{ n: 0 }]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'a %s to our whole process group reaches us and not the server, which we end cleanly',
    async (signal) => {
      const directory = await temporary();
      const { child, url } = await startElsewhere(directory);
      const client = new Client({ connectionString: url });
      client.on('error', () => undefined);
      await client.connect();
      process.kill(-(child.pid ?? 0), signal);
      const [code] = (await once(child, 'exit')) as [number | null];
      expect(code).toBe(0);
      const control = await start(directory);
      expect(control.lines.join('\n')).toContain('database system was shut down at');
    },
  );
});

describe('a killed process', () => {
  it('leaves every acknowledged write, and its server ends by itself', async () => {
    const directory = await temporary();
    const { child, url } = await startElsewhere(directory);
    await ask(url, 'create table kept (n int)');
    await ask(url, 'insert into kept select generate_series(1, 1000)');
    const pid = await serverPid(directory);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await eventually(async () => {
      const state = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => ') Z ');
      expect(state).toContain(') Z ');
    });
    const { url: again } = await start(directory);
    expect(await ask(again, 'select count(*)::int as n from kept')).toEqual([{ n: 1000 }]);
  });

  it('together with its server is recovered from', async () => {
    const directory = await temporary();
    const { child, url } = await startElsewhere(directory);
    await ask(url, 'create table kept as select generate_series(1, 1000) as n');
    process.kill(await serverPid(directory), 'SIGKILL');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const { url: again } = await start(directory);
    expect(await ask(again, 'select count(*)::int as n from kept')).toEqual([{ n: 1000 }]);
  });

  it('does not keep the next one out when its number belongs to a stranger', async () => {
    const directory = await temporary();
    await (await start(directory)).stop();
    const lock = join(directory, 'postgres', 'data', 'postmaster.pid');
    await writeFile(
      lock,
      `${String(process.pid)}\n${join(directory, 'postgres', 'data')}\n1\n1\n\n\n\nready\n`,
    );
    const { url } = await start(directory);
    expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});

describe('while it runs', () => {
  it('a second process on the same directory is told which process to stop', async () => {
    const directory = await temporary();
    const { child, url } = await startElsewhere(directory);
    await expect(start(directory)).rejects.toThrow(
      new RegExp(`is in use by process ${String(child.pid)}.*COFFER_DATA_DIR`),
    );
    expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('a server that dies is started again under the same address, with what it had', async () => {
    const directory = await temporary();
    const { url } = await start(directory, { durable: true });
    await ask(url, 'create table kept as select 1 as n');
    process.kill(await serverPid(directory), 'SIGKILL');
    await eventually(async () => {
      expect(await ask(url, 'select n from kept')).toEqual([{ n: 1 }]);
    });
  });

  it('its log holds no statement, no parameter and no row', async () => {
    const directory = await temporary();
    const { url, lines, stop } = await start(directory);
    await ask(url, 'create table words (word text primary key, n int check (n > 0))');
    await ask(url, `insert into words values ('canary-row', 1)`);
    for (const statement of [
      `insert into words values ('canary-row', 1)`,
      `insert into words values ('canary-check', -1)`,
      `select 'canary-text'::int`,
      `select canary-syntax from`,
    ]) {
      await expect(ask(url, statement)).rejects.toThrow();
    }
    await stop();
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('\n')).not.toContain('canary');
  });
});
