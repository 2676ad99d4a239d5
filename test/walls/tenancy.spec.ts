import pg from 'pg';
import { TestApp } from '../support/app.js';

/** Every table is one of three kinds; one that is in none of these lists fails. */
const SHARED = [
  'login_failures',
  'migrations',
  'org_slugs',
  'personal_tokens',
  'rate_limits',
  'refresh_tokens',
  'service_keys',
  'sessions',
  'stamps',
  'users',
];
const TENANT = [
  'data_keys',
  'environments',
  'federated_tokens',
  'former_environments',
  'grants',
  'idempotent_changes',
  'invitations',
  'org_acts',
  'org_chain_heads',
  'org_event_lists',
  'org_events',
  'organisations',
  'projects',
  'roles',
  'secret_versions',
  'secrets',
  'service_tokens',
  'trusts',
];
const PERSONAL = ['personal_secrets', 'user_chain_heads', 'user_data_keys', 'user_events'];

describe('the second wall: row-level security', () => {
  let app: TestApp;
  /** A connection as the service has it: in the role that owns nothing. */
  let service: pg.Client;
  let orgs: { id: string }[];
  let users: { id: string }[];

  beforeAll(async () => {
    app = await TestApp.start();
    for (const name of ['alice', 'bob']) {
      const owner = await app.world.user(name);
      await app.world.org(`org-of-${name}`, owner);
      const environment = await app.world.environment(`org-of-${name}/web/prod`, owner);
      await environment.secret('KEY', 'value');
      await app
        .as(owner)
        .post(`${environment.path}/changes`, { changes: [{ op: 'declare', name: 'OTHER' }] })
        .set('idempotency-key', 'once')
        .expect(200);
      await app.world.role(owner, `org-of-${name}`, 'reader', ['secrets:read']);
      await app.world.invitation(owner, 'reader', `org-of-${name}`);
      await app.world.serviceToken(owner, 'viewer', `org-of-${name}/web`);
      const trust = { name: 'ci', audience: 'coffer', claims: { sub: '1' }, role: 'viewer', ttlSeconds: 60 };
      await app
        .as(owner)
        .post(`/org-of-${name}/web/trusts`, { ...trust, issuer: 'https://issuer.example.com' })
        .expect(201);
      await app.as(owner).delete(`/org-of-${name}/web/environments/default?force=true`).expect(204);
      await app.as(owner).post('/api/v2/users/me/secrets', { name: 'mine', value: 'value' }).expect(201);
    }
    orgs = (await app.sql.query<{ id: string }>('select org_id as id from org_slugs order by slug')).rows;
    users = (await app.sql.query<{ id: string }>('select id from users order by username')).rows;
    await app.sql.query(
      `insert into federated_tokens select org_id, gen_random_uuid(), id, '', now(), now() from trusts`,
    );
    service = new pg.Client({ connectionString: app.databaseUrl, options: '-c role=coffer_app' });
    await service.connect();
  });

  afterAll(async () => {
    await service.end();
    await app.close();
  });

  async function inTransaction<T>(settings: Record<string, string>, work: () => Promise<T>): Promise<T> {
    await service.query('begin');
    try {
      for (const [name, value] of Object.entries(settings)) {
        await service.query('select set_config($1, $2, true)', [name, value]);
      }
      return await work();
    } finally {
      await service.query('rollback');
    }
  }

  async function count(table: string): Promise<number> {
    const { rows } = await service.query<{ count: number }>(
      `select count(*)::integer as count from ${table}`,
    );
    return rows[0]?.count ?? -1;
  }

  it('knows every table', async () => {
    const { rows } = await app.sql.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual([...SHARED, ...TENANT, ...PERSONAL].sort());
  });

  it('is forced on every tenant and personal table, and these say whose a row is', async () => {
    const { rows } = await app.sql.query<{ name: string; forced: boolean; owner: string }>(
      `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced, a.attname as owner
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname in ('org_id', 'user_id') and a.attnotnull
       where c.relkind = 'r' and c.relname = any($1)`,
      [[...TENANT, ...PERSONAL]],
    );
    for (const table of [...TENANT, ...PERSONAL]) {
      const owner = TENANT.includes(table) ? 'org_id' : 'user_id';
      expect(rows).toContainEqual({ name: table, forced: true, owner });
    }
  });

  it('begins the key of every tenant table with org_id, so that the database can be distributed by it', async () => {
    const { rows } = await app.sql.query<{ name: string; first: string }>(
      `select c.relname as name, a.attname as first from pg_index i
       join pg_class c on c.oid = i.indrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
       where i.indisprimary and c.relname = any($1)`,
      [TENANT],
    );
    expect(rows.map(({ first }) => first)).toEqual(TENANT.map(() => 'org_id'));
  });

  it('is worked behind by a role that owns nothing, bypasses nothing and cannot climb', async () => {
    const { rows } = await service.query<Record<string, unknown>>(
      `select current_user as name, r.rolsuper, r.rolbypassrls, r.rolcreaterole,
         (select count(*)::integer from pg_class where relowner = r.oid) as owned
       from pg_roles r where r.rolname = current_user`,
    );
    expect(rows).toEqual([
      { name: 'coffer_app', rolsuper: false, rolbypassrls: false, rolcreaterole: false, owned: 0 },
    ]);
  });

  it.each([...TENANT, ...PERSONAL])('shows no row of %s without a tenant', async (table) => {
    const { rows } = await app.sql.query<{ count: number }>(
      `select count(*)::integer as count from ${table}`,
    );
    expect(rows[0]?.count).toBeGreaterThan(0);
    expect(await count(table)).toBe(0);
    // Once a transaction with a tenant has ended, the setting is '' and no longer NULL.
    await inTransaction({ 'coffer.org_id': orgs[0]?.id ?? '', 'coffer.user_id': users[0]?.id ?? '' }, () =>
      count(table),
    );
    expect(await count(table)).toBe(0);
  });

  it.each(TENANT)('shows only its own rows of %s to an organisation, whatever it asks for', async (table) => {
    const [mine, other] = orgs;
    await inTransaction({ 'coffer.org_id': mine?.id ?? '' }, async () => {
      expect(await count(table)).toBeGreaterThan(0);
      expect(await count(`${table} where org_id = '${other?.id ?? ''}'`)).toBe(0);
      expect(await count(`${table} where org_id <> '${mine?.id ?? ''}'`)).toBe(0);
    });
  });

  it.each(PERSONAL)('shows only its own rows of %s to a user', async (table) => {
    const [mine] = users;
    await inTransaction({ 'coffer.user_id': mine?.id ?? '' }, async () => {
      expect(await count(table)).toBeGreaterThan(0);
      expect(await count(`${table} where user_id <> '${mine?.id ?? ''}'`)).toBe(0);
    });
  });

  it('keeps an organisation from writing a row of another', async () => {
    const [mine, other] = orgs;
    await inTransaction({ 'coffer.org_id': mine?.id ?? '' }, async () => {
      const insert = service.query(`insert into roles values ($1, 'planted', '{secrets:read}', now())`, [
        other?.id,
      ]);
      await expect(insert).rejects.toMatchObject({ code: '42501' });
    });
    await inTransaction({ 'coffer.org_id': mine?.id ?? '' }, async () => {
      const { rowCount } = await service.query('update secrets set description = $1 where org_id = $2', [
        'x',
        other?.id,
      ]);
      expect(rowCount).toBe(0);
    });
  });

  it('keeps an organisation from pointing into another by a foreign key', async () => {
    const [mine, other] = orgs;
    const { rows } = await app.sql.query<{ id: string }>(
      'select id from environments where org_id = $1 limit 1',
      [other?.id],
    );
    await inTransaction({ 'coffer.org_id': mine?.id ?? '' }, async () => {
      const insert = service.query(
        `insert into secrets (org_id, id, environment_id, name, env_form, changed_at_revision, created_at, updated_at)
         values ($1, gen_random_uuid(), $2, 'X', 'X', 1, now(), now())`,
        [mine?.id, rows[0]?.id],
      );
      await expect(insert).rejects.toMatchObject({ code: '23503' });
    });
  });

  it('lets nobody who serves change or remove an audit event', async () => {
    for (const statement of [
      'update org_events set action = $$x$$',
      'delete from org_events',
      'truncate org_events',
      'update org_acts set action = $$x$$',
      'delete from org_acts',
    ]) {
      await expect(service.query(statement)).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('shows a user their own grants and organisations, and no others', async () => {
    await inTransaction({ 'coffer.user_id': users[0]?.id ?? '' }, async () => {
      expect(await count('grants')).toBe(1);
      expect(await count('organisations')).toBe(1);
      expect(await count('secrets')).toBe(0);
      await expect(service.query(`update grants set role = 'viewer'`)).resolves.toMatchObject({
        rowCount: 0,
      });
    });
  });
});
