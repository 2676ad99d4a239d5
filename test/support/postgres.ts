// A real PostgreSQL for a spec file: a database of its own, copied from the migrated template in a few milliseconds.

import { randomBytes } from 'node:crypto';
import { Client } from 'pg';

export const SERVER_VARIABLE = 'TEST_POSTGRES_URL';
export const TEMPLATE = 'template_of_coffer';

export type TestDatabase = Readonly<{
  /** Of the superuser, who also migrates; the application takes its own role over it. */
  url: string;
  /** Ends every connection to it and removes it. */
  drop(): Promise<void>;
}>;

export async function createDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asSuperuser(`create database ${name} template ${TEMPLATE} strategy file_copy`);
  return {
    url: databaseUrl(serverUrl(), name),
    drop: () => asSuperuser(`drop database if exists ${name} with (force)`),
  };
}

/** The server's own database, for specs that need to look beside theirs. */
export function serverUrl(): string {
  const url = process.env[SERVER_VARIABLE];
  if (url === undefined) throw new Error('The test server is not running: start the specs through Jest.');
  return url;
}

/** The same server and login, another database. */
export function databaseUrl(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

async function asSuperuser(statement: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl() });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
