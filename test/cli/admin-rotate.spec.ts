import { jest } from '@jest/globals';
import pg from 'pg';
import type { Client } from '../support/client.js';
import { lockWaiters } from '../support/lock-waiters.js';
import type { ServiceProcess } from '../support/service-process.js';
import type { Person } from '../support/world.js';
import { until } from './support/coffer.js';
import { makeRootKey, Operated } from './support/operated.js';

const WRITERS = 4;
const VERSIONS_KEPT = 20;
const INTERRUPTIONS = 4;
/** Every run is a process of its own, and the machine may be busy. */
const PATIENCE_MS = 240_000;

type Written = Map<string, { version: number; value: string }>;

jest.setTimeout(PATIENCE_MS);

describe('coffer admin rotate-data-keys and rotate-root-key, beside a service that is used', () => {
  let site: Operated;
  let node: ServiceProcess;
  let other: ServiceProcess;
  let olivia: Person;
  let pipeline: { token: string };
  const firstKey = makeRootKey();
  const nextKey = makeRootKey();
  const path = '/acme/web/envs/prod/secrets';

  beforeAll(async () => {
    site = await Operated.start('plain owner', firstKey);
    const { world } = site;
    olivia = await world.user('olivia');
    await world.org('acme', olivia);
    for (const name of ['prod', 'dev', 'empty']) await world.environment(`acme/web/${name}`, olivia);
    const asOlivia = site.as(olivia);
    for (let writer = 0; writer < WRITERS; writer += 1)
      await asOlivia.post(path, { kind: 'Secret', name: `S${String(writer)}` }).expect(201);
    for (let count = 0; count < 120; count += 1) {
      const changes = [{ op: 'set', name: `OLD_${String(count)}`, value: `old ${String(count)}` }];
      await asOlivia
        .post('/acme/web/envs/dev/changes', {
          changes: [{ op: 'declare', name: `OLD_${String(count)}` }, ...changes],
        })
        .expect(200);
    }
    await asOlivia.post('/api/v2/users/me/secrets', { name: 'mine', value: 'of olivia alone' }).expect(201);
    pipeline = await world.serviceToken(olivia, 'consumer', 'acme/web');
    // A second node, with keys of its own in memory.
    node = site.service;
    other = await site.serve();
    await readAll(site.as(pipeline, other));
    await readAll(site.as(pipeline, node));
  });

  afterAll(async () => {
    await other.kill('SIGTERM');
    await site.close();
  });

  async function readAll(client: Client): Promise<void> {
    const { body } = await client.get('/acme/web/envs/dev/values').expect(200);
    for (let count = 0; count < 120; count += 1)
      expect(body.values[`OLD_${String(count)}`]).toBe(`old ${String(count)}`);
  }

  async function keys(): Promise<{ id: string; retired: boolean; own: boolean }[]> {
    const { rows } = await site.sql.query(
      `select id, retired_at is not null as retired, environment_id is null as own from data_keys
       union all select id, retired_at is not null, false from user_data_keys`,
    );
    return rows;
  }

  /** Fails loudly when any answer is not what it should be. */
  async function use(
    service: ServiceProcess,
    name: string,
    written: Written,
    isOver: () => boolean,
  ): Promise<number> {
    const owner = site.as(olivia, service);
    const reader = site.as(pipeline, service);
    let count = 0;
    for (; !isOver(); count += 1) {
      const value = `${name}, ${String(count)}, ${service.url}`;
      const { body } = await owner.put(`${path}/${name}/value`, { value }).expect(200);
      written.set(`${name}@${String(body.version)}`, { version: body.version, value });
      const read = await reader.get(`${path}/${name}/value?version=${String(body.version)}`).expect(200);
      expect(read.body.value).toBe(value);
      await reader.get('/acme/web/envs/dev/values').expect(200);
      await owner.patch('/api/v2/users/me/secrets/mine', { value: 'of olivia alone' }).expect(200);
    }
    return count;
  }

  /** Of each secret the service keeps its last twenty versions. */
  async function expectAll(all: Written): Promise<void> {
    const latest = new Map<string, number>();
    for (const [at, { version }] of all) {
      const [name = ''] = at.split('@');
      latest.set(name, Math.max(version, latest.get(name) ?? 0));
    }
    const written = [...all].filter(
      ([at, { version }]) => version > (latest.get(at.split('@')[0] ?? '') ?? 0) - VERSIONS_KEPT,
    );
    for (const service of [node, other]) {
      const reader = site.as(pipeline, service);
      await readAll(reader);
      for (const [at, { version, value }] of written) {
        const [name = ''] = at.split('@');
        const { body } = await reader.get(`${path}/${name}/value?version=${String(version)}`).expect(200);
        expect(body.value).toBe(value);
      }
      const { body } = await site.as(olivia, service).get('/api/v2/users/me/secrets/mine').expect(200);
      expect(body.name).toBe('mine');
    }
  }

  async function fingerprints(): Promise<string[]> {
    const { rows } = await site.sql.query<{ line: string }>(
      `select v.secret_id || v.version::text || encode(v.fingerprint, 'hex') as line from secret_versions v
       join secrets s on s.id = v.secret_id where s.name like 'OLD%' order by 1`,
    );
    return rows.map(({ line }) => line);
  }

  /** Runs it and kills it, each time a little later, and at last lets it end. */
  async function interrupted(
    args: string[],
    env: Record<string, string> = {},
  ): Promise<{ stdout: string; killed: number }> {
    let killed = 0;
    for (let round = 1; round <= INTERRUPTIONS; round += 1) {
      const child = site.coffer.start(['admin', ...args], { env });
      const ended = site.coffer.output(child);
      const timer = setTimeout(() => child.kill('SIGKILL'), 700 + round * 150);
      const { signal } = await ended;
      clearTimeout(timer);
      if (signal === 'SIGKILL') killed += 1;
    }
    const last = await site.admin([...args, '--json'], env);
    expect(last).toMatchObject({ code: 0, stderr: '' });
    return { stdout: last.stdout, killed };
  }

  it('rotates data keys under load, killed again and again: nothing fails, nothing is lost, no old key is left', async () => {
    const before = await keys();
    const prints = await fingerprints();
    const written: Written = new Map();
    let over = false;
    const using = [node, other].flatMap((service, node) =>
      Array.from({ length: WRITERS / 2 }, (_, writer) =>
        use(service, `S${String(node * 2 + writer)}`, written, () => over),
      ),
    );
    const failed = Promise.all(using).catch((error: unknown) => error);
    const { killed } = await interrupted(['rotate-data-keys']);
    over = true;
    const counts = await failed;
    if (counts instanceof Error) throw counts;
    expect(killed).toBeGreaterThan(0);

    const after = await keys();
    const old = new Set(before.filter(({ own }) => !own).map(({ id }) => id));
    expect(after.filter(({ id, retired }) => retired || old.has(id))).toEqual([]);
    expect(after.filter(({ own }) => own)).toEqual(before.filter(({ own }) => own));
    expect(await fingerprints()).toEqual(prints);
    await expectAll(written);
    const { rows } = await site.sql.query<{ action: string; actor_type: string }>(
      `select action, actor_type from org_events where action like 'data-key.%' union all
       select action, actor_type from user_events where action like 'data-key.%'`,
    );
    const actions = rows.map(({ action }) => action);
    expect(actions.filter((action) => action === 'data-key.rotate').length).toBeGreaterThanOrEqual(5);
    expect(actions.filter((action) => action === 'data-key.destroy').length).toBeGreaterThanOrEqual(5);
    expect(new Set(rows.map(({ actor_type: type }) => type))).toEqual(new Set(['system']));
  });

  it('rotates one environment alone', async () => {
    const before = await keys();
    const { stdout } = await site.admin(['rotate-data-keys', '--env', 'acme/web/dev', '--json']);
    expect(JSON.parse(stdout)).toEqual({ resumed: false, renewed: 1, resealed: 120, destroyed: 1 });
    const after = new Set((await keys()).map(({ id }) => id));
    expect(before.filter(({ id }) => !after.has(id))).toHaveLength(1);
    await readAll(site.as(pipeline));
    expect(await site.admin(['rotate-data-keys', '--env', 'acme/web/nowhere'])).toMatchObject({ code: 1 });
    expect(await site.admin(['rotate-data-keys', '--env', 'acme'])).toMatchObject({ code: 64 });
  });

  /** Starts a rotation that somebody holds up at these rows, and kills it when everything else of its stage is done. */
  async function killedWhile(
    rows: string,
    isDone: () => Promise<boolean>,
    more: readonly string[] = [],
  ): Promise<void> {
    await site.sql.query('begin');
    await site.sql.query(`${rows} for no key update`);
    const child = site.coffer.start(['admin', 'rotate-data-keys', ...more]);
    const ended = site.coffer.output(child);
    await until('the rotation comes so far', isDone);
    child.kill('SIGKILL');
    await ended;
    await site.sql.query('rollback');
  }

  const retired = async (): Promise<number> => (await keys()).filter((key) => key.retired).length;

  it('takes a rotation up that was interrupted while it gave new keys, and gives nobody two', async () => {
    await killedWhile(`select 1 from environments where name = 'prod'`, async () => (await retired()) === 4);
    const half = await keys();
    const { stdout } = await site.admin(['rotate-data-keys', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ resumed: true, renewed: 1, destroyed: 5 });
    const after = new Set((await keys()).map(({ id }) => id));
    expect(half.filter(({ id }) => !after.has(id))).toHaveLength(5);
    await readAll(site.as(pipeline));
  });

  it('takes a rotation up that was interrupted while it destroyed old keys, and gives no new ones', async () => {
    const held = `select 1 from secret_versions v join secrets s on s.id = v.secret_id where s.name = 'OLD_7'`;
    const early = new Set((await keys()).filter(({ own }) => !own).map(({ id }) => id));
    const isNearlyOver = async (): Promise<boolean> => {
      const now = await keys();
      const old = now.filter((key) => key.retired).length;
      return old > 0 && old < 5 && now.every((key) => key.retired || !early.has(key.id));
    };
    await killedWhile(held, isNearlyOver);
    const half = (await keys()).filter((key) => !key.retired).map(({ id }) => id);
    const left = await retired();
    const { stdout } = await site.admin(['rotate-data-keys', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ resumed: true, renewed: 0, destroyed: left });
    expect((await keys()).map(({ id }) => id).sort()).toEqual(half.sort());
    await readAll(site.as(pipeline));
  });

  it('waits for a writer before it holds a row that the writer needs', async () => {
    const only = ['--env', 'acme/web/empty'];
    const versions = `select 1 from secret_versions v join secrets s on s.id = v.secret_id where s.name = 'FULL'`;
    const owner = site.as(olivia);
    const secrets = '/acme/web/envs/empty/secrets';
    await owner.post(secrets, { kind: 'Secret', name: 'FULL' }).expect(201);
    for (let version = 1; version <= VERSIONS_KEPT; version += 1)
      await owner.put(`${secrets}/FULL/value`, { value: String(version) }).expect(200);
    await killedWhile(versions, async () => (await retired()) === 1, only);

    // As a writer does it; its trigger writes the stamp, which a batch of the rotation needs last.
    const writer = new pg.Client({ connectionString: site.superuserUrl });
    await writer.connect();
    await writer.query('begin');
    await writer.query(`update environments set revision = revision + 1 where name = 'empty'`);
    const rotation = site.admin(['rotate-data-keys', ...only, '--json']);
    await until('the rotation waits', async () => (await lockWaiters(site.sql)) === 1);
    await writer.query(`${versions} for update of v nowait`);
    await writer.query('commit');
    await writer.end();
    const { stdout } = await rotation;
    expect(JSON.parse(stdout)).toEqual({ resumed: true, renewed: 0, resealed: 20, destroyed: 1 });
  });

  it('rotates the root key while the service knows both, killed again and again, and leaves nothing under the old one', async () => {
    const both = { COFFER_ROOT_KEY: nextKey, COFFER_PREVIOUS_ROOT_KEY: firstKey };
    await other.kill('SIGTERM');
    await node.kill('SIGTERM');
    other = await site.serve(both);
    const service = await site.serve(both);
    const { stdout } = await interrupted(['rotate-root-key'], both);
    const { verified } = JSON.parse(stdout) as { verified: number };
    expect(verified).toBe((await keys()).length + 1);
    expect(await site.admin(['rotate-root-key', '--json'], both)).toMatchObject({ code: 0 });
    expect(JSON.parse((await site.admin(['rotate-root-key', '--json'], both)).stdout)).toEqual({
      rewrapped: 0,
      already: verified,
      verified,
    });
    await site.as(olivia, service).put(`${path}/S0/value`, { value: 'after' }).expect(200);
    await service.kill('SIGTERM');
    await other.kill('SIGTERM');

    await expect(site.serve({ COFFER_ROOT_KEY: firstKey })).rejects.toThrow('made under another root key');
    other = await site.serve({ COFFER_ROOT_KEY: nextKey });
    await readAll(site.as(pipeline));
    const { body } = await site.as(pipeline).get(`${path}/S0/value`).expect(200);
    expect(body.value).toBe('after');
    const verify = await site.admin(['verify-audit'], { COFFER_ROOT_KEY: nextKey });
    expect(verify).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    ['no previous one', {}, 'COFFER_PREVIOUS_ROOT_KEY_FILE'],
    [
      'the same one twice',
      { COFFER_ROOT_KEY: nextKey, COFFER_PREVIOUS_ROOT_KEY: nextKey },
      'present root key',
    ],
    [
      'one that is not of this database',
      { COFFER_ROOT_KEY: makeRootKey(), COFFER_PREVIOUS_ROOT_KEY: makeRootKey() },
      'Neither',
    ],
  ])('refuses a root key rotation with %s', async (_, env, reason) => {
    const { code, stderr } = await site.admin(['rotate-root-key'], env);
    expect([code, stderr]).toEqual([78, expect.stringContaining(reason)]);
  });
});
