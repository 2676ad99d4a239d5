import type { Pool, PoolClient } from 'pg';
import type { DataKeys } from '../src/crypto/data-key.js';
import { Plaintext } from '../src/crypto/plaintext.js';
import { actOf } from '../src/audit/act.js';
import { genesis, link, type Link } from '../src/audit/hash-chain.js';
import { dataKeysOf, type FloorKeys } from './floor.js';
import type { FloorReads } from './floor-reads.js';

// The service signs the heads of its chains and stops at one that it did not sign, so the floors have chains of their
// own: the same columns, keys and indexes.
export const FLOOR_TABLES = `
  create schema floor;
  create table floor.org_events (like public.org_events including all);
  create table floor.org_chain_heads (like public.org_chain_heads including all);
`;

const HEAD = {
  name: 'head',
  text: 'select seq, hash from floor.org_chain_heads where org_id = $1 for update',
};
const FIRST_HEAD = `
  insert into floor.org_chain_heads (org_id, seq, hash, at, signature) values ($1, $2, $3, now(), '') on conflict do nothing`;
const EVENT = {
  name: 'event',
  text: `
    with moved as (update floor.org_chain_heads set seq = $2, hash = $16, at = $3 where org_id = $1)
    insert into floor.org_events (org_id, seq, at, actor_type, actor_id, actor_name, action, outcome, project, environment,
      secret, resource, ip, user_agent, request_id, prev_hash, hash, act)
    values ($1, $2, $3, $4, $5, $6, $7, $8, 'app', $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
};
const REVISION = {
  name: 'revision',
  text: 'update environments set revision = revision + 1 where org_id = $1 and id = $2 returning revision',
};
const SECRET = {
  name: 'secret',
  text: `
    select id, current_version from secrets
    where org_id = $1 and environment_id = $2 and name = $3 and deleted_at is null for update`,
};
const VERSION = {
  name: 'version',
  text: `
    with written as (
      insert into secret_versions (org_id, secret_id, version, data_key_id, sealed, fingerprint, created_at,
        created_by_type, created_by_name)
      values ($1, $2, $3, $4, $5, $6, $7, 'service-token', 'floor')
    ), destroyed as (
      delete from secret_versions where org_id = $1 and secret_id = $2 and version <= $3 - 20
    )
    update secrets set current_version = $3, changed_at_revision = $8, updated_at = $7 where org_id = $1 and id = $2`,
};

type HeadRow = Readonly<{ seq: string; hash: Buffer }>;
type SecretRow = Readonly<{ id: string; current_version: number }>;
type Keys = Readonly<{ own: DataKeys; project: DataKeys }>;

/** Floors with a record: the work and its audit event in one transaction, which holds the chain's head to its end. */
export class FloorWrites {
  private readonly keys: ReadonlyMap<string, Keys>;

  constructor(
    private readonly pool: Pool,
    keys: FloorKeys,
    private readonly reads: FloorReads,
  ) {
    const pairs = [...keys].map(
      ([environment, { own, project }]) =>
        [environment, { own: dataKeysOf(own), project: dataKeysOf(project) }] as const,
    );
    this.keys = new Map(pairs);
  }

  auditedRead(org: string, environment: string, name: string): Promise<object> {
    return this.transaction(async (client) => {
      const answer = await this.reads.one(org, environment, name, client);
      await record(client, org, environment, 'secret.value-get', name);
      return answer;
    });
  }

  set(org: string, environment: string, name: string, value: string): Promise<object> {
    return this.transaction(async (client) => {
      const bumped = await client.query<{ revision: string }>({ ...REVISION, values: [org, environment] });
      const found = await client.query<SecretRow>({ ...SECRET, values: [org, environment, name] });
      const [secret] = found.rows;
      const keys = this.keys.get(environment);
      if (secret === undefined || keys === undefined) throw new Error(`There is no ${name}.`);
      const version = secret.current_version + 1;
      const plaintext = new Plaintext(value);
      const at = new Date();
      const place = { purpose: 'value', path: [org, environment, secret.id, version] };
      await client.query({
        ...VERSION,
        values: [
          org,
          secret.id,
          version,
          keys.own.currentId,
          keys.own.seal(place, plaintext),
          keys.project.fingerprint(plaintext),
          at,
          bumped.rows[0]?.revision,
        ],
      });
      await record(client, org, environment, 'secret.value-set', name);
      return { name, hasValue: true, version, updatedAt: at.toISOString() };
    });
  }

  private async transaction(work: (client: PoolClient) => Promise<object>): Promise<object> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      const answer = await work(client);
      await client.query('commit');
      client.release();
      return answer;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }
}

async function record(
  client: PoolClient,
  org: string,
  environment: string,
  action: string,
  secret: string,
): Promise<void> {
  const last = await lockHead(client, org);
  const at = new Date().toISOString();
  const actor = { type: 'service-token', id: environment, name: 'floor' } as const;
  const origin = { ip: '127.0.0.1', userAgent: 'floor', requestId: environment };
  const event = link(last, { actor, origin, action, resource: { secret }, outcome: 'allowed' }, at);
  await client.query({
    ...EVENT,
    values: [
      ...[org, event.seq, event.at, event.actor.type, event.actor.id, event.actor.name, event.action],
      ...[event.outcome, environment, secret, JSON.stringify(event.resource), event.ip],
      ...[event.userAgent, event.requestId],
      ...[Buffer.from(event.prevHash, 'hex'), Buffer.from(event.hash, 'hex'), actOf(event)],
    ],
  });
}

async function lockHead(client: PoolClient, org: string): Promise<Link> {
  const [head] = (await client.query<HeadRow>({ ...HEAD, values: [org] })).rows;
  if (head !== undefined) return { seq: Number(head.seq), hash: head.hash.toString('hex') };
  const first = genesis({ kind: 'org', id: org });
  await client.query(FIRST_HEAD, [org, first.seq, Buffer.from(first.hash, 'hex')]);
  return lockHead(client, org);
}
