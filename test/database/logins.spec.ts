// The database of somebody else: with which logins the service starts on it, and what it says when it cannot.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { openServicePool } from '../../src/data-source.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { migrate } from '../../src/database/migrate.js';
import { JsonLog } from '../../src/http/log.js';

const log = new JsonLog('silent');

let directory: string;
let server: EmbeddedPostgres;
let admin: Client;

// A server of its own: roles belong to the whole of it, and these tests begin without `coffer_app`.
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coffer-logins-'));
  server = await startEmbeddedPostgres({ dataDir: directory, durable: false, log: () => undefined });
  admin = new Client({ connectionString: server.url });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A login with a database of its own. */
async function owner(name: string, rights = ''): Promise<string> {
  await admin.query(`create role ${name} login password 'p' ${rights}`);
  await admin.query(`create database ${name} owner ${name}`);
  return urlOf(name, name);
}

function urlOf(login: string, database: string): string {
  const url = new URL(server.url);
  url.username = login;
  url.password = 'p';
  url.pathname = `/${database}`;
  return url.href;
}

/** As whom the pool works. */
async function roleBehind(url: string): Promise<string> {
  const pool = await openServicePool(url, log);
  try {
    const [row] = await pool.query<{ role: string }[]>('select current_user as role');
    return row?.role ?? '';
  } finally {
    await pool.destroy();
  }
}

describe('a database whose server does not know the role coffer_app', () => {
  it('is refused, with what to do, to a login that may not create roles', async () => {
    await expect(migrate(await owner('plain'))).rejects.toThrow(/create role coffer_app.*grant coffer_app/);
  });

  it('is served by one login that owns it and may create roles', async () => {
    const url = await owner('maker', 'createrole');
    await migrate(url);
    expect(await roleBehind(url)).toBe('coffer_app');
  });
});

describe('a database whose server knows the role coffer_app', () => {
  it('is served by one login that owns it and is a member of the role, without the right to create any', async () => {
    const url = await owner('member');
    await admin.query('grant coffer_app to member');
    await migrate(url);
    expect(await roleBehind(url)).toBe('coffer_app');
  });

  it('is migrated by its owner for another login that is a member of the role and owns nothing', async () => {
    const url = await owner('migrating');
    await admin.query(`create role serving login password 'p' in role coffer_app`);
    expect(await migrate(url)).not.toEqual([]);
    expect(await roleBehind(urlOf('serving', 'migrating'))).toBe('coffer_app');
  });

  it('starts with the login that serves alone, once it is migrated', async () => {
    expect(await migrate(urlOf('serving', 'migrating'))).toEqual([]);
  });

  it('is refused, with what to do, to a login that is no member of the role', async () => {
    await admin.query(`create role outsider login password 'p'`);
    await expect(openServicePool(urlOf('outsider', 'migrating'), log)).rejects.toThrow(
      'grant coffer_app to <that login>',
    );
  });

  it('is refused, with what to do, to a login that may not make tables in it', async () => {
    await owner('foreign_one');
    await expect(migrate(urlOf('outsider', 'foreign_one'))).rejects.toThrow('COFFER_MIGRATION_DATABASE_URL');
  });

  it('is worked in as coffer_app also when the URL brings options of its own', async () => {
    const options = encodeURIComponent('-c work_mem=8MB -c role=serving');
    const url = `${urlOf('serving', 'migrating')}?options=${options}&application_name=mine`;
    const pool = await openServicePool(url, log);
    const [row] = await pool.query<unknown[]>(
      `select current_user as role, current_setting('work_mem') as memory, current_setting('statement_timeout') as timeout`,
    );
    await pool.destroy();
    expect(row).toEqual({ role: 'coffer_app', memory: '8MB', timeout: '8s' });
  });

  it('is refused when the role could look past row-level security', async () => {
    await admin.query('alter role coffer_app bypassrls');
    const opening = openServicePool(urlOf('serving', 'migrating'), log);
    await expect(opening)
      .rejects.toThrow('nobypassrls')
      .finally(() => admin.query('alter role coffer_app nobypassrls'));
  });
});

describe('a database that is not there', () => {
  it.each([
    ['nobody listens', 'postgresql://a:hunter2@127.0.0.1:1/x', 'ECONNREFUSED'],
    ['on any of its addresses', 'postgresql://a:hunter2@localhost:1/x', 'ECONNREFUSED'],
    ['no such host', 'postgresql://a:hunter2@nowhere.invalid/x', 'nowhere.invalid'],
  ])('is told as such and without the password: %s', async (_, url, cause) => {
    const problems = [migrate(url), openServicePool(url, log)].map((opening) =>
      opening.then(
        () => 'opened',
        (error: unknown) => String(error),
      ),
    );
    for (const problem of await Promise.all(problems)) {
      expect(problem).toContain('The database cannot be used');
      expect(problem).toContain(cause);
      expect(problem).not.toContain('hunter2');
    }
  });

  it('is told as such: a wrong password, no such database', async () => {
    const wrong = urlOf('serving', 'migrating').replace(':p@', ':hunter2@');
    await expect(openServicePool(wrong, log)).rejects.toThrow('password authentication failed');
    await expect(openServicePool(urlOf('serving', 'nothing'), log)).rejects.toThrow('does not exist');
  });
});
