import { TestApp } from '../support/app.js';
import { allPages } from '../support/pages.js';
import type { Person } from '../support/world.js';

const NOTHING = { error: 'There is nothing here that you may see.', code: 'not_found' };
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TOKEN = /^cofi_[0-9A-Za-z]{83}$/;
const INVITATIONS = '/orgs/acme/invitations';
const ACCEPT = '/auth/invitations/accept';
const DAY = 24 * 3_600_000;

describe('invitations', () => {
  let app: TestApp;
  let olivia: Person;
  let adam: Person;
  let vera: Person;
  let mallory: Person;

  beforeAll(async () => {
    app = await TestApp.start();
    olivia = await app.world.user('olivia');
    adam = await app.world.user('adam');
    vera = await app.world.user('vera');
    mallory = await app.world.user('mallory');
    await app.world.org('acme', olivia);
    await app.world.org('evil', mallory);
    for (const path of ['acme/web/prod', 'acme/web/dev', 'acme/api/prod'])
      await app.world.environment(path, olivia);
    await app.world.environment('evil/web/prod', mallory);
    await app.world.grant(olivia, adam, 'admin', 'acme/web/prod');
    await app.world.grant(olivia, vera, 'viewer', 'acme/web');
  });

  afterAll(() => app.close());

  let people = 0;
  function somebody(): Promise<Person> {
    people += 1;
    return app.world.user(`person-${String(people)}`);
  }

  function accept(user: { token: string } | null, token: unknown) {
    return app.as(user).post(ACCEPT, { token });
  }

  async function listed(by: Person): Promise<string[]> {
    const { body } = await app.as(by).get(INVITATIONS).expect(200);
    return body.map(({ id }: { id: string }) => id);
  }

  describe('POST /orgs/{o}/invitations', () => {
    it.each([
      ['the organisation', {}],
      ['a project', { project: 'web' }],
      ['an environment', { project: 'web', environment: 'prod' }],
    ])('201: offers a role in %s, with a token that is shown once', async (_, scope) => {
      const { body } = await app
        .as(olivia)
        .post(INVITATIONS, { role: 'member', ...scope })
        .expect(201);
      expect(body).toEqual({
        id: expect.stringMatching(UUID),
        role: 'member',
        ...scope,
        expiresAt: expect.stringMatching(TIME),
        createdAt: expect.stringMatching(TIME),
        createdBy: { type: 'user', name: 'olivia' },
        token: expect.stringMatching(TOKEN),
      });
      expect(Date.parse(body.expiresAt as string) - Date.parse(body.createdAt as string)).toBe(7 * DAY);
      const { text } = await app.as(olivia).get(INVITATIONS).expect(200);
      expect(text).toContain(body.id);
      expect(text).not.toContain('cofi_');
    });

    it('201: for one address and until a given time', async () => {
      const expiresAt = new Date(Date.now() + DAY).toISOString();
      const { body } = await app
        .as(olivia)
        .post(INVITATIONS, { role: 'viewer', email: 'Nina@Example.com', expiresAt })
        .expect(201);
      expect(body).toMatchObject({ email: 'Nina@Example.com', expiresAt });
    });

    it('is on record with its scope, its role and its address, and never with its token', async () => {
      const answer = await app
        .as(adam)
        .post(INVITATIONS, { role: 'viewer', project: 'web', environment: 'prod', email: 'nina@example.com' })
        .expect(201);
      const event = (await app.events('acme')).at(-1);
      expect(event).toMatchObject({
        action: 'invitation.create',
        outcome: 'allowed',
        actor_name: 'adam',
        resource: {
          project: 'web',
          environment: 'prod',
          role: 'viewer',
          email: 'nina@example.com',
          invitationId: answer.body.id,
        },
        request_id: answer.headers['x-request-id'],
      });
      expect(JSON.stringify(event)).not.toContain('cofi_');
    });

    it('keeps only the SHA-256 of the token', async () => {
      const { id, token } = await app.world.invitation(olivia, 'viewer', 'acme');
      const { rows } = await app.sql.query('select *, length(hash) as bytes from invitations where id = $1', [
        id,
      ]);
      expect(rows[0].bytes).toBe(32);
      expect(JSON.stringify(rows)).not.toContain(token.slice(49, -6));
    });

    it('sweeps the invitations of the organisation that have expired', async () => {
      const { id } = await app.world.invitation(olivia, 'viewer', 'acme');
      await app.sql.query('update invitations set expires_at = now() where id = $1', [id]);
      await app.world.invitation(olivia, 'viewer', 'acme');
      const { rows } = await app.sql.query('select from invitations where id = $1', [id]);
      expect(rows).toHaveLength(0);
    });

    it.each([
      [{}, ['role']],
      [{ role: '' }, ['role']],
      [{ role: null }, ['role']],
      [{ role: ['viewer'] }, ['role']],
      [{ role: 'king' }, ['role']],
      [{ role: 'Viewer' }, ['role']],
      [{ role: '__proto__' }, ['role']],
      [{ role: 'viewer', project: null }, ['project']],
      [{ role: 'viewer', project: '' }, ['project']],
      [{ role: 'viewer', environment: 'prod' }, ['environment']],
      [{ role: 'viewer', project: 'web', environment: null }, ['environment']],
      [{ role: 'viewer', project: 'web', environment: '' }, ['environment']],
      [{ role: 'viewer', email: null }, ['email']],
      [{ role: 'viewer', email: '' }, ['email']],
      [{ role: 'viewer', email: 'nina' }, ['email']],
      [{ role: 'viewer', email: ['nina@example.com'] }, ['email']],
      [{ role: 'viewer', expiresAt: null }, ['expiresAt']],
      [{ role: 'viewer', expiresAt: '' }, ['expiresAt']],
      [{ role: 'viewer', expiresAt: 'never' }, ['expiresAt']],
      [{ role: 'viewer', expiresAt: '2020-01-01T00:00:00Z' }, ['expiresAt']],
      [{ role: 'viewer', expiresAt: 4_102_444_800 }, ['expiresAt']],
      [{ role: 'viewer', user: 'vera' }, ['user']],
      [{ role: 'viewer', permissions: [] }, ['permissions']],
    ])('400: %j', async (body, fields) => {
      const before = await app.sql.query('select from invitations');
      const answer = await app.as(olivia).post(INVITATIONS, body).expect(400);
      const found: string[] = answer.body.details.map(({ field }: { field: string }) => field);
      expect([...new Set(found)]).toEqual(fields);
      expect((await app.sql.query('select from invitations')).rows).toHaveLength(before.rows.length);
    });

    it('401, 403, 404: for nobody, for who manages no members there, for strangers, whatever the body', async () => {
      await app.as(null).post(INVITATIONS, {}).expect(401);
      for (const [caller, scope] of [
        [vera, {}],
        [vera, { project: 'web', environment: 'prod' }],
        [adam, {}],
        [adam, { project: 'web' }],
      ] as const) {
        const { body } = await app
          .as(caller)
          .post(INVITATIONS, { nonsense: 1, ...scope })
          .expect(403);
        expect(body.details).toEqual([{ permission: 'members:manage' }]);
      }
      expect((await app.as(mallory).post(INVITATIONS, { role: 'viewer' }).expect(404)).body).toEqual(NOTHING);
    });

    it('404: a scope out of sight, of others, of nobody or malformed looks like nothing', async () => {
      for (const scope of [
        { project: 'web', environment: 'dev' },
        { project: 'web', environment: 'none' },
        { project: 'api' },
        { project: 'none' },
        { project: 'Web' },
      ]) {
        const { body } = await app
          .as(adam)
          .post(INVITATIONS, { role: 'viewer', ...scope })
          .expect(404);
        expect(body).toEqual(NOTHING);
      }
    });
  });

  describe('GET /orgs/{o}/invitations', () => {
    it('200: lists the open ones, the newest first, in pages that together are the whole', async () => {
      const first = await app.world.invitation(olivia, 'viewer', 'acme/web');
      const second = await app.world.invitation(olivia, 'viewer', 'acme/api');
      const { body } = await app.as(olivia).get(INVITATIONS).expect(200);
      expect(body.slice(0, 2).map(({ id }: { id: string }) => id)).toEqual([second.id, first.id]);
      expect(await allPages(app.as(olivia), `${INVITATIONS}?limit=3`)).toEqual(body);
    });

    it('200: no longer one that was used, revoked or has expired', async () => {
      const [used, revoked, expired] = await Promise.all(
        ['acme', 'acme/web', 'acme/api'].map((scope) => app.world.invitation(olivia, 'viewer', scope)),
      );
      await accept(await somebody(), used?.token).expect(200);
      await app.as(olivia).delete(`${INVITATIONS}/${revoked?.id}`).expect(204);
      await app.sql.query('update invitations set expires_at = now() where id = $1', [expired?.id]);
      const ids = await listed(olivia);
      for (const gone of [used, revoked, expired]) expect(ids).not.toContain(gone?.id);
    });

    it('200: shows an administrator of one environment what lies there and above, and nothing beside it', async () => {
      const [here, above, beside, elsewhere] = await Promise.all(
        ['acme/web/prod', 'acme/web', 'acme/web/dev', 'acme/api'].map((scope) =>
          app.world.invitation(olivia, 'viewer', scope),
        ),
      );
      const ids = await listed(adam);
      expect(ids).toEqual(expect.arrayContaining([here?.id, above?.id]));
      expect(ids).not.toContain(beside?.id);
      expect(ids).not.toContain(elsewhere?.id);
    });

    it('401, 403, 404: for nobody, for those who manage no members, for strangers', async () => {
      await app.as(null).get(INVITATIONS).expect(401);
      await app.as(vera).get(INVITATIONS).expect(403);
      expect((await app.as(mallory).get(INVITATIONS).expect(404)).body).toEqual(NOTHING);
    });
  });

  describe('DELETE /orgs/{o}/invitations/{id}', () => {
    it('204: takes it back, on record, and nobody can accept it any more', async () => {
      const { id, token } = await app.world.invitation(adam, 'viewer', 'acme/web/prod');
      await app.as(adam).delete(`${INVITATIONS}/${id}`).expect(204);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'invitation.revoke',
        outcome: 'allowed',
        actor_name: 'adam',
        resource: { project: 'web', environment: 'prod', role: 'viewer', invitationId: id },
      });
      expect((await accept(await somebody(), token).expect(404)).body).toEqual(NOTHING);
      await app.as(adam).delete(`${INVITATIONS}/${id}`).expect(404);
    });

    it('403: one that is seen, but lies where the caller manages no members; the refusal is on record', async () => {
      const { id } = await app.world.invitation(olivia, 'viewer', 'acme/web');
      const { body } = await app.as(adam).delete(`${INVITATIONS}/${id}`).expect(403);
      expect(body.details).toEqual([{ permission: 'members:manage' }]);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'invitation.revoke',
        outcome: 'denied',
        actor_name: 'adam',
        resource: { project: 'web', role: 'viewer', permission: 'members:manage' },
      });
    });

    it('404: one out of sight, of another organisation, expired, of none, and what is no id look alike', async () => {
      const beside = await app.world.invitation(olivia, 'viewer', 'acme/web/dev');
      const foreign = await app.world.invitation(mallory, 'viewer', 'evil');
      const expired = await app.world.invitation(olivia, 'viewer', 'acme/web/prod');
      await app.sql.query('update invitations set expires_at = now() where id = $1', [expired.id]);
      for (const id of [
        ...[beside.id, foreign.id, expired.id, beside.id.toUpperCase(), beside.token],
        ...['00000000-0000-4000-8000-000000000000', 'x', '%00'],
      ]) {
        const { status, body } = await app.as(adam).delete(`${INVITATIONS}/${id}`);
        expect([id, status, body]).toEqual([id, 404, NOTHING]);
      }
      await app.as(olivia).delete(`${INVITATIONS}/${foreign.id}`).expect(404);
      await accept(await somebody(), foreign.token).expect(200);
    });
  });
});
