import { makeToken } from '../../src/access/token-format.js';
import { TestApp } from '../support/app.js';
import { federatedToken } from '../support/federated.js';
import type { Made, Person } from '../support/world.js';

const NOTHING = { error: 'There is nothing here that you may see.', code: 'not_found' };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const INVITATIONS = '/orgs/acme/invitations';
const ACCEPT = '/auth/invitations/accept';

describe('POST /auth/invitations/accept', () => {
  let app: TestApp;
  let olivia: Person;
  let vera: Person;
  let mallory: Person;

  beforeAll(async () => {
    app = await TestApp.start();
    olivia = await app.world.user('olivia');
    vera = await app.world.user('vera');
    mallory = await app.world.user('mallory');
    await app.world.org('acme', olivia);
    await app.world.org('evil', mallory);
    for (const path of ['acme/web/prod', 'acme/web/dev', 'acme/api/prod'])
      await app.world.environment(path, olivia);
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

  it('200: one that a federated workload made is worth what its trust is, until that is deleted', async () => {
    const { body: trust } = await app
      .as(olivia)
      .post('/acme/web/trusts', {
        ...{ name: 'ci', issuer: 'https://issuer.example.com', audience: 'coffer', claims: { sub: 'build' } },
        ...{ role: 'admin', ttlSeconds: 600 },
      })
      .expect(201);
    const workload = await federatedToken(app.sql, trust.id);
    const invite = async () =>
      (await app.as(workload).post(INVITATIONS, { role: 'viewer', project: 'web' }).expect(201)).body.token;
    const [first, second] = [await invite(), await invite()];
    await app.sql.query('delete from federated_tokens');
    const nina = await somebody();
    await accept(nina, first).expect(200);
    await app.as(olivia).delete(`/acme/web/trusts/${trust.id}`).expect(204);
    await accept(await somebody(), second).expect(404);
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
