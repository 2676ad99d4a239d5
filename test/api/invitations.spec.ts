import { makeToken } from '../../src/access/token-format.js';
import { TestApp } from '../support/app.js';
import { allPages } from '../support/pages.js';
import type { Made, Person } from '../support/world.js';

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

  describe('POST /auth/invitations/accept', () => {
    it.each([
      ['acme', { org: 'acme', role: 'member' }],
      ['acme/web', { org: 'acme', role: 'member', project: 'web' }],
      ['acme/web/prod', { org: 'acme', role: 'member', project: 'web', environment: 'prod' }],
    ])('200: gives the role in %s, at once and on record', async (scope, accepted) => {
      const nina = await somebody();
      const { id, token } = await app.world.invitation(olivia, 'member', scope);
      await app.as(nina).get('/orgs/acme').expect(404);
      const { body } = await accept(nina, token).expect(200);
      expect(body).toEqual(accepted);
      await app
        .as(nina)
        .post('/acme/web/envs/prod/secrets', { kind: 'Secret', name: nina.username })
        .expect(201);
      const { body: members } = await app.as(nina).get('/orgs/acme/members').expect(200);
      expect(members).toContainEqual({
        user: { username: nina.username, email: nina.email },
        grants: [{ id: expect.stringMatching(UUID), role: 'member', scope }],
      });
      const { org: _, ...place } = accepted;
      expect(
        (await app.events('acme')).filter(({ action }) => action === 'invitation.accept').at(-1),
      ).toMatchObject({
        outcome: 'allowed',
        actor_name: nina.username,
        resource: { ...place, user: nina.username, invitationId: id, invitedBy: 'olivia' },
      });
    });

    it('200: gives a custom role, too', async () => {
      const nina = await somebody();
      await app.world.role(olivia, 'acme', 'auditor', ['audit:read']);
      const { token } = await app.world.invitation(olivia, 'auditor', 'acme');
      await accept(nina, token).expect(200);
      await app.as(nina).get('/orgs/acme/audit').expect(200);
    });

    it('200: with a personal access token as well as with a session', async () => {
      const nina = await somebody();
      const { body } = await app.as(nina).post('/auth/tokens', { name: 'laptop' }).expect(201);
      const { token } = await app.world.invitation(olivia, 'viewer', 'acme');
      await accept(body as Made, token).expect(200);
    });

    it('200: one for an address is for the account with that address, however it is written', async () => {
      const nina = await somebody();
      const { token } = await app.world.invitation(olivia, 'viewer', 'acme', {
        email: nina.email.toUpperCase(),
      });
      expect((await accept(await somebody(), token).expect(404)).body).toEqual(NOTHING);
      await accept(nina, token).expect(200);
    });

    it('404: used, revoked, expired, changed by a character, of another kind, unknown and malformed look alike', async () => {
      const nina = await somebody();
      const [used, revoked, expired, open] = (await Promise.all(
        ['acme', 'acme/web', 'acme/api', 'acme/web/dev'].map((scope) =>
          app.world.invitation(olivia, 'viewer', scope),
        ),
      )) as [Made, Made, Made, Made];
      await accept(nina, used.token).expect(200);
      await app.as(olivia).delete(`${INVITATIONS}/${revoked.id}`).expect(204);
      await app.sql.query('update invitations set expires_at = now() where id = $1', [expired.id]);
      const service = await app.world.serviceToken(olivia, 'viewer', 'acme/web');
      const other = await app.world.invitation(mallory, 'viewer', 'evil');
      await app.as(mallory).delete(`/orgs/evil/invitations/${other.id}`).expect(204);
      const changed = open.token.slice(0, 60) + (open.token[60] === 'a' ? 'b' : 'a') + open.token.slice(61);
      for (const token of [
        ...[used.token, revoked.token, expired.token, other.token, changed, service.token, nina.token],
        ...[
          '',
          'cofi_',
          open.id,
          open.token.toLowerCase(),
          ` ${open.token}`,
          `${open.token}\n`,
          'x'.repeat(10_000),
        ],
      ]) {
        const { status, body } = await accept(nina, token);
        expect([token, status, body]).toEqual([token, 404, NOTHING]);
      }
      await accept(nina, open.token).expect(200);
    });

    it('404: well formed, with the id of an open invitation and another secret or another organisation', async () => {
      const nina = await somebody();
      const { id, token } = await app.world.invitation(olivia, 'owner', 'acme');
      const { rows: orgs } = await app.sql.query<{ id: string }>('select org_id as id from org_slugs');
      for (const org of orgs) {
        await accept(nina, makeToken({ kind: 'invitation', orgId: org.id, id }).text).expect(404);
      }
      await accept(nina, token).expect(200);
    });

    it('404: its scope or its organisation is gone', async () => {
      const nina = await somebody();
      await app.world.environment('acme/gone/prod', olivia);
      const environment = await app.world.invitation(olivia, 'viewer', 'acme/gone/prod');
      const project = await app.world.invitation(olivia, 'viewer', 'acme/gone');
      await app.as(olivia).delete('/acme/gone/environments/prod').expect(204);
      await accept(nina, environment.token).expect(404);
      await app.as(olivia).delete('/orgs/acme/projects/gone').expect(204);
      await accept(nina, project.token).expect(404);
      await app.world.org('short-lived', olivia);
      const org = await app.world.invitation(olivia, 'owner', 'short-lived');
      await app.as(olivia).delete('/orgs/short-lived').expect(204);
      await app.world.org('short-lived', olivia);
      await accept(nina, org.token).expect(404);
    });

    it('404: who made it may not give that any more; 200 once they may again', async () => {
      const nina = await somebody();
      const boss = await somebody();
      const grant = await app.world.grant(olivia, boss, 'admin', 'acme/web');
      const { token } = await app.world.invitation(boss, 'member', 'acme/web/prod');
      await app.as(olivia).delete(`/orgs/acme/grants/${grant}`).expect(204);
      expect((await accept(nina, token).expect(404)).body).toEqual(NOTHING);
      await app.world.grant(olivia, boss, 'viewer', 'acme');
      await accept(nina, token).expect(404);
      await app.world.grant(olivia, boss, 'admin', 'acme/web');
      await accept(nina, token).expect(200);
    });

    it('404: the role has become more than its maker holds', async () => {
      const nina = await somebody();
      const boss = await somebody();
      await app.world.grant(olivia, boss, 'admin', 'acme');
      await app.world.role(olivia, 'acme', 'growing', ['secrets:read']);
      const { token } = await app.world.invitation(boss, 'growing', 'acme');
      await app
        .as(olivia)
        .put('/orgs/acme/roles/growing', { permissions: ['secrets:get-value'] })
        .expect(200);
      await accept(nina, token).expect(404);
    });

    it('404: the service token that made it is revoked or has expired', async () => {
      const nina = await somebody();
      for (const end of ['delete from', 'update']) {
        const robot = await app.world.serviceToken(olivia, 'admin', 'acme/web');
        const body = { role: 'viewer', project: 'web' };
        const made = await app.as(robot).post(INVITATIONS, body).expect(201);
        expect(made.body.createdBy).toEqual({ type: 'service-token', name: 'admin of acme/web' });
        if (end === 'update') {
          await app.sql.query('update service_tokens set expires_at = now() where id = $1', [robot.id]);
        } else {
          await app.as(olivia).delete(`/acme/web/tokens/${robot.id}`).expect(204);
        }
        await accept(nina, made.body.token).expect(404);
      }
      const robot = await app.world.serviceToken(olivia, 'admin', 'acme/web');
      const made = await app.as(robot).post(INVITATIONS, { role: 'viewer', project: 'web' }).expect(201);
      await accept(nina, made.body.token).expect(200);
    });

    it('409: who has the role there already keeps it, and the invitation stays for somebody else', async () => {
      const nina = await somebody();
      await app.world.grant(olivia, nina, 'viewer', 'acme');
      const { token } = await app.world.invitation(olivia, 'viewer', 'acme');
      expect((await accept(nina, token).expect(409)).body.code).toBe('already_exists');
      await accept(await somebody(), token).expect(200);
    });

    it.each([[{}], [{ token: null }], [{ token: 7 }], [{ token: ['cofi_'] }], [{ token: { $ne: '' } }]])(
      '400: %j',
      async (body) => {
        const answer = await app.as(vera).post(ACCEPT, body).expect(400);
        expect(answer.body.details).toEqual([{ field: 'token', error: expect.any(String) }]);
      },
    );

    it('401 and 403: for nobody, and for a service token, which is no person', async () => {
      const { token } = await app.world.invitation(olivia, 'viewer', 'acme');
      await accept(null, token).expect(401);
      const robot = await app.world.serviceToken(olivia, 'admin', 'acme/web');
      await accept(robot, token).expect(403);
      await accept(await somebody(), token).expect(200);
    });

    it('an invitation is no credential', async () => {
      const { token } = await app.world.invitation(olivia, 'owner', 'acme');
      for (const path of ['/auth/me', '/orgs', '/orgs/acme', '/acme/web/envs/prod/secrets']) {
        await app.as(token).get(path).expect(401);
      }
    });

    it('has exactly one winner among 100 who accept at the same time', async () => {
      const guests = await Promise.all(Array.from({ length: 10 }, () => somebody()));
      const { token } = await app.world.invitation(olivia, 'viewer', 'acme/api/prod');
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) => accept(guests[index % guests.length] ?? null, token)),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 404)).toHaveLength(99);
      const { rows } = await app.sql.query(
        `select from grants g join environments e on e.id = g.environment_id join projects p on p.id = e.project_id
         where p.slug = 'api' and g.user_id = any($1)`,
        [guests.map(({ id }) => id)],
      );
      expect(rows).toHaveLength(1);
    });

    it('is accepted or revoked, never both, when both come at the same time', async () => {
      for (let round = 0; round < 10; round += 1) {
        const nina = await somebody();
        const { id, token } = await app.world.invitation(olivia, 'viewer', 'acme');
        const [taken, revoked] = await Promise.all([
          accept(nina, token),
          app.as(olivia).delete(`${INVITATIONS}/${id}`),
        ]);
        expect([
          [200, 404],
          [404, 204],
        ]).toContainEqual([taken.status, revoked.status]);
        await app
          .as(nina)
          .get('/orgs/acme')
          .expect(taken.status === 200 ? 200 : 404);
      }
    });

    it('is worth nothing when its maker is removed while somebody accepts it', async () => {
      const boss = await somebody();
      const nina = await somebody();
      await app.world.grant(olivia, boss, 'admin', 'acme');
      const { token } = await app.world.invitation(boss, 'admin', 'acme');
      // Somebody else is at the grants: the request has found the invitation open and waits for its turn.
      await app.sql.query('begin');
      await app.sql.query(
        `select from organisations o join org_slugs s using (org_id) where s.slug = 'acme' for update of o`,
      );
      const accepting = accept(nina, token).then((answer) => answer);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await app.sql.query('delete from grants where user_id = $1', [boss.id]);
      await app.sql.query('commit');
      expect((await accepting).status).toBe(404);
      await app.as(nina).get('/orgs/acme').expect(404);
    });
  });
});
