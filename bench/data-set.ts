// What the benchmark reads and writes: organisations with sealed values, laid in with COPY as the service itself would
// have written them. Everything that can be computed anew is (ids, names, values), so that a million secrets need no
// memory here; and every value is known, so that each answer can be checked before it is counted.

import { createHash, randomUUID } from 'node:crypto';
import { hash } from '@node-rs/argon2';
import { Client } from 'pg';
import { DataKeys, freshKey } from '../src/crypto/data-key.js';
import type { LocalKeyProvider } from '../src/crypto/local-key.provider.js';
import { Plaintext } from '../src/crypto/plaintext.js';
import { environmentForm } from '../src/formats/names.js';
import { makeToken } from '../src/access/token-format.js';
import { ARGON2 } from '../src/identity/users/passwords.js';
import { copyInto, type Field } from './copy.js';

export type BenchKey = Readonly<{ id: string; bytes: Uint8Array; wrapped: Uint8Array }>;

export type BenchEnvironment = Readonly<{ id: string; name: string; size: number; key: BenchKey }>;

export type BenchOrg = Readonly<{
  id: string;
  slug: string;
  projectId: string;
  projectKey: BenchKey;
  environments: readonly BenchEnvironment[];
  tokens: readonly BenchToken[];
}>;

type BenchToken = Readonly<{ id: string; role: 'consumer' | 'deployer'; text: string; hash: Uint8Array }>;

export type BenchUsers = Readonly<{ names: readonly string[]; password: string; passwordHash: string }>;

export type DataSet = Readonly<{ orgs: readonly BenchOrg[]; users: BenchUsers }>;

/** The environments of one organisation: names, and how many secrets each has. */
export type Shape = Readonly<Record<string, number>>;

export const PROJECT = 'app';

const NOW = new Date();

export async function layDataSet(
  url: string,
  provider: LocalKeyProvider,
  shapes: readonly Shape[],
): Promise<DataSet> {
  const orgs: BenchOrg[] = [];
  for (const [index, shape] of shapes.entries()) orgs.push(await makeOrg(provider, index + 1, shape));
  const users = await makeUsers(20);
  const client = new Client({ connectionString: url });
  // A lost connection fails whatever waits for it; nobody else needs to hear of it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    // What is laid in refers to itself correctly by construction; checking a million references would only take time.
    await client.query(`set session_replication_role = 'replica'`);
    for (const { table, columns, rows } of tablesOf(orgs, users))
      await copyInto(client, table, columns, rows());
    await client.query(STAMPS);
    await client.query('vacuum (analyze)');
    await client.query('checkpoint');
  } finally {
    await client.end();
  }
  return { orgs, users };
}

// No trigger has made them.
const STAMPS = `
  insert into stamps (subject) select org_id from org_slugs union all select id from users union all select id from environments`;

export function secretName(index: number): string {
  return `SECRET_${String(index + 1).padStart(4, '0')}`;
}

/** An environment's secret, by its place in the alphabet from 0 on. */
export function secretId(environment: Pick<BenchEnvironment, 'id'>, index: number): string {
  const hex = createHash('sha256')
    .update(`${environment.id}/${String(index)}`)
    .digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The value that the data set gives to a secret: 44 characters. */
export function valueOf(environment: Pick<BenchEnvironment, 'id'>, index: number): string {
  return createHash('sha256')
    .update(`value of ${secretId(environment, index)}`)
    .digest('base64');
}

export function environmentOf(org: BenchOrg, name: string): BenchEnvironment {
  const found = org.environments.find((environment) => environment.name === name);
  if (found === undefined) throw new Error(`The data set has no environment ${name} in ${org.slug}.`);
  return found;
}

export function tokenOf(org: BenchOrg, role: BenchToken['role']): string {
  const found = org.tokens.find((token) => token.role === role);
  if (found === undefined) throw new Error(`The data set has no ${role} in ${org.slug}.`);
  return found.text;
}

async function makeOrg(provider: LocalKeyProvider, number: number, shape: Shape): Promise<BenchOrg> {
  const id = randomUUID();
  const projectId = randomUUID();
  const environments = Object.entries(shape).map(async ([name, size]) => {
    const environmentId = randomUUID();
    const key = await makeKey(provider, [id, projectId, environmentId]);
    return { id: environmentId, name, size, key };
  });
  return {
    id,
    slug: `org-${String(number).padStart(4, '0')}`,
    projectId,
    projectKey: await makeKey(provider, [id, projectId, '']),
    environments: await Promise.all(environments),
    tokens: [newToken(id, 'consumer'), newToken(id, 'deployer')],
  };
}

async function makeKey(provider: LocalKeyProvider, owner: readonly string[]): Promise<BenchKey> {
  const { id, bytes } = freshKey();
  return { id, bytes, wrapped: await provider.wrap(bytes, [...owner, id].join('/')) };
}

function newToken(orgId: string, role: BenchToken['role']): BenchToken {
  const id = randomUUID();
  return { id, role, ...makeToken({ kind: 'service', orgId, id }) };
}

async function makeUsers(count: number): Promise<BenchUsers> {
  const password = 'a pass phrase of the benchmark';
  const names = Array.from({ length: count }, (_, index) => `user-${String(index + 1)}`);
  return { names, password, passwordHash: await hash(password, ARGON2) };
}

type Table = Readonly<{
  table: string;
  columns: readonly string[];
  rows: () => Iterable<readonly Field[]>;
}>;

function tablesOf(orgs: readonly BenchOrg[], users: BenchUsers): Table[] {
  return [
    {
      table: 'users',
      columns: ['id', 'username', 'email', 'email_key', 'password_hash', 'created_at'],
      rows: () =>
        users.names.map((name) => {
          const email = `${name}@example.com`;
          return [randomUUID(), name, email, email, users.passwordHash, NOW];
        }),
    },
    {
      table: 'org_slugs',
      columns: ['slug', 'org_id'],
      rows: () => orgs.map(({ id, slug }) => [slug, id]),
    },
    {
      table: 'organisations',
      columns: ['org_id', 'name', 'created_at'],
      rows: () => orgs.map(({ id, slug }) => [id, slug, NOW]),
    },
    {
      table: 'roles',
      columns: ['org_id', 'name', 'permissions', 'created_at'],
      rows: () =>
        orgs.map(({ id }) => [id, 'deployer', ['secrets:read', 'secrets:write', 'secrets:set-value'], NOW]),
    },
    {
      table: 'projects',
      columns: ['org_id', 'id', 'slug', 'name', 'created_at'],
      rows: () => orgs.map(({ id, projectId }) => [id, projectId, PROJECT, PROJECT, NOW]),
    },
    {
      table: 'environments',
      columns: ['org_id', 'id', 'project_id', 'name', 'revision', 'created_at'],
      rows: () =>
        ofEnvironments(orgs, (org, { id, name, size }) => [[org.id, id, org.projectId, name, size, NOW]]),
    },
    {
      table: 'data_keys',
      columns: ['org_id', 'id', 'project_id', 'environment_id', 'wrapped', 'created_at'],
      rows: () => keyRows(orgs),
    },
    {
      table: 'service_tokens',
      columns: [
        ...['org_id', 'id', 'project_id', 'name', 'role', 'hash'],
        ...['created_at', 'created_by_type', 'created_by_name'],
      ],
      rows: () => tokenRows(orgs),
    },
    {
      table: 'secrets',
      columns: [
        ...['org_id', 'id', 'environment_id', 'name', 'env_form', 'description'],
        ...['current_version', 'changed_at_revision', 'created_at', 'updated_at'],
      ],
      rows: () => ofEnvironments(orgs, secretRows),
    },
    {
      table: 'secret_versions',
      columns: [
        ...['org_id', 'secret_id', 'version', 'data_key_id', 'sealed', 'fingerprint'],
        ...['created_at', 'created_by_type', 'created_by_name'],
      ],
      rows: () => ofEnvironments(orgs, versionRows),
    },
  ];
}

function* ofEnvironments(
  orgs: readonly BenchOrg[],
  rows: (org: BenchOrg, environment: BenchEnvironment) => Iterable<readonly Field[]>,
): Generator<readonly Field[]> {
  for (const org of orgs) for (const environment of org.environments) yield* rows(org, environment);
}

function* keyRows(orgs: readonly BenchOrg[]): Generator<readonly Field[]> {
  for (const { id, projectId, projectKey, environments } of orgs) {
    yield [id, projectKey.id, projectId, null, projectKey.wrapped, NOW];
    for (const { key, ...environment } of environments)
      yield [id, key.id, projectId, environment.id, key.wrapped, NOW];
  }
}

function* tokenRows(orgs: readonly BenchOrg[]): Generator<readonly Field[]> {
  for (const { id, projectId, tokens } of orgs) {
    for (const token of tokens)
      yield [id, token.id, projectId, token.role, token.role, token.hash, NOW, 'user', 'bench'];
  }
}

function* secretRows(org: BenchOrg, environment: BenchEnvironment): Generator<readonly Field[]> {
  for (let index = 0; index < environment.size; index += 1) {
    const name = secretName(index);
    const id = secretId(environment, index);
    const description = 'Laid in by the benchmark.';
    yield [org.id, id, environment.id, name, environmentForm(name), description, 1, index + 1, NOW, NOW];
  }
}

function* versionRows(org: BenchOrg, environment: BenchEnvironment): Generator<readonly Field[]> {
  const { key } = environment;
  const keys = new DataKeys(new Map([[key.id, key.bytes]]), key.id);
  const project = new DataKeys(new Map([[org.projectKey.id, org.projectKey.bytes]]), org.projectKey.id);
  for (let index = 0; index < environment.size; index += 1) {
    const id = secretId(environment, index);
    const value = new Plaintext(valueOf(environment, index));
    const sealed = keys.seal({ purpose: 'value', path: [org.id, environment.id, id, 1] }, value);
    yield [org.id, id, 1, key.id, sealed, project.fingerprint(value), NOW, 'user', 'bench'];
  }
}
