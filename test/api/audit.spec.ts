import { createPublicKey } from 'node:crypto';
import type { AuditEvent } from '../../src/audit/audit-event.js';
import { Audit } from '../../src/audit/audit.js';
import { hashOf, isSignedBy } from '../../src/audit/hash-chain.js';
import { placesStatement, trailStatement, type Places } from '../../src/audit/trail-statement.js';
import { Database } from '../../src/database/database.js';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import type { Environment, Person } from '../support/world.js';

describe('the audit trail', () => {
  let app: TestApp;
  let owner: Person;
  let asOwner: Client;
  let pipeline: Client;
  let prod: Environment;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    asOwner = app.as(owner);
    prod = await app.world.environment('acme/web/prod', owner);
    await prod.secret('A', 'a');
    await prod.secret('B', 'b');
    await (await app.world.environment('acme/web/dev', owner)).secret('A', 'x');
    pipeline = app.as(await app.world.serviceToken(owner, 'consumer', 'acme/web'));
    await pipeline.get(`${prod.path}/values`).set('user-agent', 'deploy/1.0').expect(200);
    await pipeline.get(`${prod.secretPath('A')}/value`).expect(200);
    await pipeline.put(`${prod.secretPath('A')}/value`, { value: 'no' }).expect(403);
  });

  afterAll(() => app.close());

  const list = async (query = '', client = asOwner): Promise<AuditEvent[]> =>
    (await client.get(`/orgs/acme/audit${query}`).expect(200)).body;
  const actions = (events: AuditEvent[]) => events.map(({ action }) => action);

  describe('GET /orgs/{o}/audit', () => {
    it('200: events in full, newest first, reading included', async () => {
      await list();
      const [last, before] = await list();
      expect(last).toEqual({
        seq: expect.any(Number),
        at: expect.stringMatching(/Z$/),
        actor: { type: 'user', id: owner.id, name: 'olivia' },
        action: 'audit.list',
        resource: {},
        outcome: 'allowed',
        ip: '127.0.0.1',
        userAgent: expect.any(String),
        requestId: expect.any(String),
        prevHash: before?.hash,
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
      expect(last?.seq).toBe((before?.seq ?? 0) + 1);
    });

    it('200: the request id is the one of the answer, the address and the agent are the caller’s', async () => {
      const { headers } = await pipeline
        .get(`${prod.path}/values`)
        .set('user-agent', 'deploy/2.0')
        .expect(200);
      const [event] = await list('?action=values.get');
      expect(event).toMatchObject({
        requestId: headers['x-request-id'],
        userAgent: 'deploy/2.0',
        ip: '127.0.0.1',
      });
    });

    it('200: each filter finds its events and no others', async () => {
      expect(actions(await list('?outcome=denied'))).toEqual(['secret.value-set']);
      expect(new Set(actions(await list('?secret=A&environment=prod&project=web')))).toEqual(
        new Set(['secret.value-set', 'secret.value-get', 'values.get', 'secret.declare']),
      );
      expect(await list('?secret=B&action=values.get')).not.toEqual([]);
      expect(await list('?secret=C')).toEqual([]);
      const byName = await list('?actor=olivia&limit=1000');
      expect(byName.every(({ actor }) => actor.name === 'olivia')).toBe(true);
      const byId = await list(`?actor=${owner.id}&limit=1000`);
      expect(byId.map(({ seq }) => seq).slice(1)).toEqual(byName.map(({ seq }) => seq));
      const dev = await list('?project=web&environment=dev');
      expect(dev.every(({ resource }) => resource.environment === 'dev')).toBe(true);
      expect(dev.length).toBeGreaterThan(1);
      const [newest] = await list('?limit=1');
      expect(await list(`?since=${newest?.at ?? ''}`)).not.toEqual([]);
      expect(await list(`?until=2020-01-01T00:00:00Z`)).toEqual([]);
    });

    it('200: pages from the newest to the first event, each once', async () => {
      const seen: number[] = [];
      let path: string | undefined = '/orgs/acme/audit?limit=5&until=2100-01-01T00:00:00Z';
      while (path !== undefined) {
        const { body, headers }: { body: AuditEvent[]; headers: Record<string, string> } =
          await asOwner.get(path);
        seen.push(...body.map(({ seq }) => seq));
        path = /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];
      }
      expect(seen).toEqual(Array.from({ length: seen.length }, (_, index) => seen.length - index));
      expect(seen.at(-1)).toBe(1);
    });

    it('200: whoever may read the trail of one environment sees that environment’s events only', async () => {
      const admin = await app.world.user('dev-admin');
      await app.world.grant(owner, admin, 'admin', 'acme/web/dev');
      const events = await list('?project=web&environment=dev', app.as(admin));
      expect(events.length).toBeGreaterThan(1);
      expect(
        events.every(({ resource }) => resource.project === 'web' && resource.environment === 'dev'),
      ).toBe(true);
      await app.as(admin).get('/orgs/acme/audit').expect(403);
      await app.as(admin).get('/orgs/acme/audit?project=web').expect(403);
      await app.as(admin).get('/orgs/acme/audit?project=web&environment=prod').expect(404);
      await app.as(admin).get('/orgs/acme/audit/export').expect(403);
    });

    it('200: the next page has the filters of this one, whatever is in them', async () => {
      const robot = await app.world.serviceToken(owner, 'viewer', 'acme/web', 'ci?x');
      for (let time = 1; time <= 2; time += 1)
        await app.as(robot).get('/acme/web/envs/prod/secrets').expect(200);
      const { body, headers } = await asOwner.get('/orgs/acme/audit?actor=ci?x&limit=1').expect(200);
      const next = /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1] ?? '';
      const { body: older } = await asOwner.get(next).expect(200);
      expect([...body, ...older].map(({ actor }: AuditEvent) => actor.name)).toEqual(['ci?x', 'ci?x']);
    });

    it('200: the trail of a project that is gone can still be read', async () => {
      await app.world.environment('acme/gone/prod', owner);
      await asOwner.delete('/orgs/acme/projects/gone?force=true').expect(204);
      expect(actions(await list('?project=gone'))).toContain('project.delete');
    });

    it.each([
      '?actor=',
      '?secret=',
      '?outcome=maybe',
      '?since=yesterday',
      '?since=0000-01-01T00:00:00Z',
      '?until=2026-01-01T00:00:00%2B23:00',
      '?cursor=AAAA',
      '?since=2026-01-01T24:00:00Z',
      '?actor=%ff',
      '?secret=%ED%A0%80',
      '?limit=0',
      '?x=1',
    ])('400: refuses %s', async (query) => {
      await asOwner.get(`/orgs/acme/audit${query}`).expect(400);
    });
  });

  describe('GET /orgs/{o}/audit/export and head', () => {
    const exported = async (query = ''): Promise<AuditEvent[]> => {
      const { text, headers } = await asOwner.get(`/orgs/acme/audit/export${query}`).buffer(true).expect(200);
      expect(headers['content-type']).toMatch(/^application\/x-ndjson/);
      return text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as AuditEvent);
    };

    it('200: the whole chain, oldest first, each event tied to the one before it, and a head that fits', async () => {
      const { body: head } = await asOwner.get('/orgs/acme/audit/head').expect(200);
      const events = await exported();
      events.forEach((event, index) => {
        expect(event.seq).toBe(index + 1);
        expect(event.hash).toBe(hashOf(event));
        if (index > 0) expect(event.prevHash).toBe(events[index - 1]?.hash);
      });
      expect(events.find(({ seq }) => seq === head.seq)?.hash).toBe(head.hash);
      const key = createPublicKey({
        key: Buffer.from(head.publicKey, 'base64'),
        format: 'der',
        type: 'spki',
      });
      expect(isSignedBy(key, head)).toBe(true);
      const { body: after } = await asOwner.get('/orgs/acme/audit/head').expect(200);
      expect(after).toMatchObject({ seq: events.at(-1)?.seq, hash: events.at(-1)?.hash });
    });

    it('200: a part of it by sequence numbers, both included', async () => {
      expect((await exported('?from=3&to=5')).map(({ seq }) => seq)).toEqual([3, 4, 5]);
    });

    it('200: more events than one read of the database takes', async () => {
      const record = {
        actor: { type: 'system', id: null, name: 'test' },
        origin: { ip: '', userAgent: '', requestId: '' },
        action: 'test.event',
        resource: {},
        outcome: 'allowed',
      } as const;
      const { rows } = await app.sql.query<{ org_id: string }>('select org_id from org_slugs');
      const orgId = rows[0]?.org_id ?? '';
      for (let batch = 0; batch < 22; batch += 1) {
        await app.app.get(Database).forOrg(orgId, async (tx) => {
          for (let count = 0; count < 50; count += 1) await app.app.get(Audit).record(tx, orgId, record);
        });
      }
      const events = await exported();
      expect(events.filter(({ action }) => action === 'test.event')).toHaveLength(1_100);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    });

    it.each(['?from=0', '?to=x', '?from=1.5', '?format=csv'])('400: refuses %s', async (query) => {
      await asOwner.get(`/orgs/acme/audit/export${query}`).expect(400);
    });
  });

  it('200: people see their own logins at GET /auth/audit, and nobody else’s', async () => {
    const { body } = await asOwner.get('/auth/audit').expect(200);
    expect(body.length).toBeGreaterThan(0);
    expect(body.every(({ actor }: AuditEvent) => actor.id === owner.id)).toBe(true);
    const stranger = await app.world.user('stranger');
    const other = await app.as(stranger).get('/auth/audit').expect(200);
    expect(other.body.every(({ actor }: AuditEvent) => actor.id === stranger.id)).toBe(true);
  });
});

const BEGINNING = Date.parse('2026-03-01T00:00:00Z');

describe('the lists under 100,000 events', () => {
  let app: TestApp;
  let orgId: string;

  beforeAll(async () => {
    app = await TestApp.start();
    const owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    orgId = (await app.sql.query<{ org_id: string }>('select org_id from org_slugs')).rows[0]?.org_id ?? '';
    await app.sql.query(
      `insert into org_events
       select $1, 1000 + g, $2::timestamptz + make_interval(secs => g), 'user', 'id-' || g % 500, 'name-' || g % 500,
         (array['secret.value-get', 'secret.list', 'values.get'])[1 + g % 3], case when g % 1000 = 0 then 'denied' else 'allowed' end,
         'project-' || g % 20, 'env-' || g % 7, case when g % 3 < 2 then 'S' || g % 300 end, '{}',
         '127.0.0.1', 'agent', 'request', '', '', case when g % 3 = 2 then 'one list'::bytea end, gen_random_uuid()
       from generate_series(1, 100000) g`,
      [orgId, new Date(BEGINNING)],
    );
    const act = 'actor_id, actor_name, action, outcome, project, environment';
    await app.sql.query(`update org_events set act = md5(row(${act})::text)::uuid where org_id = $1`, [
      orgId,
    ]);
    await app.sql.query(
      `insert into org_acts select distinct org_id, act, ${act} from org_events on conflict do nothing`,
    );
    await app.sql.query(
      `insert into org_event_lists values ($1, 'one list', '[{"secret": "S1", "version": 1}]')`,
      [orgId],
    );
    await app.sql.query('analyze org_events, org_acts');
  });

  afterAll(() => app.close());

  it.each([
    {},
    { cursor: Buffer.from('["50000"]').toString('base64url') },
    { actor: 'name-7' },
    { actor: 'id-7' },
    { action: 'values.get' },
    { project: 'project-3' },
    { project: 'project-3', environment: 'env-3' },
    { secret: 'S9' },
    { secret: 'S1', actor: 'name-7' },
    { outcome: 'denied' as const },
    { since: '2020-01-01T00:00:00Z' },
    { until: '2020-01-01T00:00:00Z' },
  ])('are index reads: %j', async (query) => {
    const where = placesStatement(orgId, query);
    const [places = { after: null, before: null }] = (
      await app.sql.query<Places>(where.text, where.parameters)
    ).rows;
    const { text, parameters } = trailStatement({ kind: 'org', id: orgId }, query, places, 101);
    await app.sql.query('begin');
    await app.sql.query('set local role coffer_app');
    await app.sql.query(`select set_config('coffer.org_id', $1, true)`, [orgId]);
    const { rows } = await app.sql.query<{ 'QUERY PLAN': string }>(`explain ${text}`, parameters);
    await app.sql.query('rollback');
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toMatch(/Index (?:Only )?Scan|Bitmap Index Scan/);
    expect(plan).not.toMatch(/Seq Scan on org_events/);
  });

  it.each([
    [{ secret: 'S9' }, `secret = 'S9'`],
    [{ secret: 'S1', actor: 'name-7' }, `(secret = 'S1' or list is not null) and actor_name = 'name-7'`],
    [{ actor: 'id-0', outcome: 'denied' as const }, `actor_id = 'id-0' and outcome = 'denied'`],
    [{ action: 'values.get', project: 'project-3' }, `action = 'values.get' and project = 'project-3'`],
    [between(40_000, 90), `seq between 41000 and 41089`],
    [between(40_000, 90_000), 'seq between 41000 and 101000'],
    [{ ...between(0, 50_000), environment: 'env-3' }, `seq between 1001 and 50999 and environment = 'env-3'`],
    [{ until: between(0, 20).until }, 'seq between 1001 and 1019'],
    [
      { ...between(40_000, 90), cursor: Buffer.from('["41010"]').toString('base64url') },
      'seq between 41000 and 41009',
    ],
  ])('are the newest of what matches: %j', async (query, condition) => {
    const where = placesStatement(orgId, query);
    const [places = { after: null, before: null }] = (
      await app.sql.query<Places>(where.text, where.parameters)
    ).rows;
    const { text, parameters } = trailStatement({ kind: 'org', id: orgId }, query, places, 101);
    const found = await app.sql.query<{ seq: string }>(text, parameters);
    const expected = await app.sql.query<{ seq: string }>(
      `select seq from org_events where org_id = $1 and ${condition} order by seq desc limit 101`,
      [orgId],
    );
    expect(expected.rows.length).toBeGreaterThan(0);
    expect(found.rows.map(({ seq }) => seq)).toEqual(expected.rows.map(({ seq }) => seq));
  });
});

/** The times from the start of one second after the first event on, for as many seconds. */
function between(second: number, seconds: number): { since: string; until: string } {
  const at = (seconds_: number): string => new Date(BEGINNING + seconds_ * 1_000).toISOString();
  return { since: at(second), until: at(second + seconds) };
}
