import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import type { Person } from '../support/world.js';

/** Somebody who can write to the database, but has no key. */
describe('tampering with the database', () => {
  let app: TestApp;
  let owner: Person;
  let pipeline: Client;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    for (const name of ['prod', 'dev']) {
      const env = await app.world.environment(`acme/web/${name}`, owner);
      await env.secret('A', `a of ${name}`);
      await env.secret('B', `b of ${name}`);
      await app
        .as(owner)
        .put(`${env.secretPath('A')}/value`, { value: `second a of ${name}` })
        .expect(200);
    }
    pipeline = app.as(await app.world.serviceToken(owner, 'consumer', 'acme/web'));
  });

  afterAll(() => app.close());

  const ofSecret = (environment: string, name: string, version: number) =>
    `(select v.ctid from secret_versions v join secrets s on s.id = v.secret_id join environments e on e.id = s.environment_id
      where e.name = '${environment}' and s.name = '${name}' and v.version = ${String(version)})`;

  /** Runs a change, reads, and undoes the change. */
  async function afterChange(statement: string, path: string): Promise<{ status: number; text: string }> {
    await app.sql.query('create table saved_versions as select * from secret_versions');
    await app.sql.query(statement);
    const { status, text } = await pipeline.get(path);
    await app.sql.query('set session_replication_role = replica');
    await app.sql.query('delete from secret_versions');
    await app.sql.query('insert into secret_versions select * from saved_versions');
    await app.sql.query('set session_replication_role = default');
    await app.sql.query('drop table saved_versions');
    return { status, text };
  }

  const A = '/acme/web/envs/prod/secrets/A/value';

  it.each([
    [
      'a flipped bit',
      `update secret_versions set sealed = set_byte(sealed, 35, get_byte(sealed, 35) # 1) where ctid = ${ofSecret('prod', 'A', 2)}`,
    ],
    [
      'a cut ciphertext',
      `update secret_versions set sealed = substr(sealed, 1, 30) where ctid = ${ofSecret('prod', 'A', 2)}`,
    ],
    [
      'an empty ciphertext',
      `update secret_versions set sealed = '' where ctid = ${ofSecret('prod', 'A', 2)}`,
    ],
    [
      'another format version',
      `update secret_versions set sealed = set_byte(sealed, 0, 2) where ctid = ${ofSecret('prod', 'A', 2)}`,
    ],
    [
      'another key id',
      `update secret_versions set sealed = set_byte(sealed, 1, get_byte(sealed, 1) # 1) where ctid = ${ofSecret('prod', 'A', 2)}`,
    ],
    [
      'the ciphertext of another secret',
      `update secret_versions set sealed = (select sealed from secret_versions where ctid = ${ofSecret('prod', 'B', 1)}) where ctid = ${ofSecret('prod', 'A', 2)}`,
    ],
    [
      'the ciphertext of another environment',
      `update secret_versions set sealed = (select sealed from secret_versions where ctid = ${ofSecret('dev', 'A', 2)}) where ctid = ${ofSecret('prod', 'A', 2)}`,
    ],
    [
      'an older ciphertext put back',
      `update secret_versions set sealed = (select sealed from secret_versions where ctid = ${ofSecret('prod', 'A', 1)}) where ctid = ${ofSecret('prod', 'A', 2)}`,
    ],
  ])('500 and no value: %s', async (_, statement) => {
    for (const path of [A, '/acme/web/envs/prod/values']) {
      const { status, text } = await afterChange(statement, path);
      expect([status, JSON.parse(text).code]).toEqual([500, 'internal']);
      expect(text).not.toMatch(/of prod|of dev|decrypt|altered/);
    }
    await pipeline.get(A).expect(200);
  });

  it('500 and no value: the wrapped key of another environment', async () => {
    const second = await TestApp.start({
      rootKey: app.rootKey,
      database: { url: app.databaseUrl, drop: () => Promise.resolve() },
    });
    await app.sql.query(`update data_keys set wrapped = (
        select k.wrapped from data_keys k join environments e on e.id = k.environment_id where e.name = 'dev' limit 1)
      where environment_id = (select id from environments where name = 'prod')`);
    const { status } = await second.as(pipeline.credential).get(A);
    expect(status).toBe(500);
    await second.close();
  });

  it.each([
    ['points to an older version', 'update secrets set current_version = 1'],
    ['points to none', 'update secrets set current_version = null'],
    ['lost its newest version', 'delete from secret_versions where version = 2'],
  ])('500, and neither an older value nor "no value": a secret that %s', async (_, statement) => {
    await app.sql.query('create table saved_versions as select * from secret_versions');
    await app.sql.query('create table saved_secrets as select * from secrets');
    const second = await TestApp.start({
      rootKey: app.rootKey,
      database: { url: app.databaseUrl, drop: () => Promise.resolve() },
    });
    await app.sql.query(statement);
    const prod = '/acme/web/envs/prod';
    const asOwner = second.as(owner);
    for (const answer of [
      await second.as(pipeline.credential).get(A),
      await second.as(pipeline.credential).get(`${prod}/values?missing=omit`),
      await asOwner.get(`${prod}/readiness`),
      await asOwner.post('/acme/web/envs/dev/promote', { from: 'prod' }),
    ])
      expect([answer.status, answer.body.code]).toEqual([500, 'internal']);
    await second.close();
    await app.sql.query('insert into secret_versions select * from saved_versions on conflict do nothing');
    await app.sql.query(
      'update secrets s set current_version = o.current_version from saved_secrets o where o.id = s.id',
    );
    await app.sql.query('drop table saved_versions, saved_secrets');
    await pipeline.get(A).expect(200);
  });

  it('503 and nothing written: the head of the audit chain was moved back', async () => {
    const { rows } = await app.sql.query('select * from org_chain_heads');
    await app.sql.query('delete from org_events where seq = (select max(seq) from org_events)');
    await app.sql.query(`update org_chain_heads h set seq = e.seq, hash = e.hash
      from (select * from org_events order by seq desc limit 1) e`);
    const { body } = await pipeline.get('/acme/web/envs/dev/secrets/A/value').expect(503);
    expect(body.code).toBe('unavailable');
    await app.as(owner).post('/acme/web/envs/dev/secrets', { kind: 'Secret', name: 'NEW' }).expect(503);
    const { rows: found } = await app.sql.query(`select 1 from secrets where name = 'NEW'`);
    expect(found).toEqual([]);
    expect(rows).toHaveLength(1);
  });
});
