// The one PostgreSQL of a test run, in a directory of its own that goes with it. It holds a template database, migrated
// once, of which every spec file gets a copy. Runs in Jest's main process; the specs find it through the environment.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import type { EmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { migrate } from '../../src/database/migrate.js';
import { databaseUrl, SERVER_VARIABLE, TEMPLATE } from './postgres.js';

// Waits until we are gone, however we went, then until the server is, and removes the directory.
const REMOVE_AFTER_US =
  'read -r ended; n=0; while [ -e "$0/postgres/data/postmaster.pid" ] && [ $n -lt 150 ]; do sleep 0.1; n=$((n+1)); done; rm -rf "$0"';

let running: Readonly<{ server: EmbeddedPostgres; broom: ChildProcess }> | null = null;

export async function startTestServer(): Promise<void> {
  const directory = await mkdtemp(join(await realpath(tmpdir()), 'coffer-test-'));
  const broom = spawn('/bin/sh', ['-c', REMOVE_AFTER_US, directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  broom.unref();
  const words: string[] = [];
  try {
    const server = await startEmbeddedPostgres({
      dataDir: directory,
      durable: false,
      log: (line) => words.push(line),
      settings: { max_connections: '300', shared_buffers: '64MB', max_wal_size: '4GB' },
    });
    running = { server, broom };
    const client = new Client({ connectionString: server.url });
    await client.connect();
    await client.query(`create database ${TEMPLATE}`);
    await client.end();
    await migrate(databaseUrl(server.url, TEMPLATE));
    process.env[SERVER_VARIABLE] = server.url;
  } catch (error) {
    process.stderr.write(`${words.join('\n')}\n`);
    await stopTestServer();
    broom.stdin.end();
    throw error;
  }
}

export async function stopTestServer(): Promise<void> {
  if (running === null) return;
  const { server, broom } = running;
  running = null;
  await server.stop();
  broom.ref();
  const swept = once(broom, 'exit');
  broom.stdin?.end();
  await swept;
}
