import { makeToken } from '../../src/access/token-format.js';
import type { SignupMode } from '../../src/config/config.js';
import { TestApp } from '../support/app.js';
import { besides, trailOf } from '../support/trail.js';
import { PASSWORD, type Person } from '../support/world.js';

let people = 0;

/** The body of somebody who is new here. */
function newcomer(more: object = {}): { email: string; username: string; password: string } {
  people += 1;
  const username = `newcomer-${String(people)}`;
  return { email: `${username}@example.com`, username, password: PASSWORD, ...more };
}

function signUp(app: TestApp, body: object) {
  return app.as(null).post('/auth/signup', body);
}

/** Two nodes on one database: in one of them anybody may sign up, the other one does as the test says. */
async function nodes(signup: SignupMode): Promise<{ open: TestApp; app: TestApp; olivia: Person }> {
  const open = await TestApp.start();
  const app = await TestApp.start({ ...besides(open), config: { signup } });
  const olivia = await open.world.user('olivia');
  await open.world.org('acme', olivia);
  await open.world.environment('acme/web/prod', olivia);
  return { open, app, olivia };
}

describe.each(['invite', 'open'] as const)('COFFER_SIGNUP=%s, with an invitation', (mode) => {
  let open: TestApp;
  let app: TestApp;
  let olivia: Person;

  beforeAll(async () => {
    ({ open, app, olivia } = await nodes(mode));
  });

  afterAll(async () => {
    await app.close();
    await open.close();
  });

  async function invitation(scope = 'acme/web', more: object = {}): Promise<string> {
    return (await app.world.invitation(olivia, 'member', scope, more)).token;
  }

  async function refused(body: object): Promise<void> {
    const before = await app.sql.query('select from users');
    const answer = await signUp(app, body).expect(400);
    expect(answer.body.details).toEqual([{ field: 'invitation', error: expect.any(String) }]);
    expect((await app.sql.query('select from users')).rows).toHaveLength(before.rows.length);
  }

  it('201: makes the account and gives what it was invited to, on record in both trails', async () => {
    const body = newcomer({ invitation: await invitation() });
    const answer = await signUp(app, body).expect(201);
    const session = { token: answer.body.accessToken as string };
    await app.as(session).post('/acme/web/envs/prod/secrets', { kind: 'Secret', name: 'KEY' }).expect(201);
    await app.as(session).get('/orgs/acme/audit').expect(403);
    const given = (await app.events('acme')).find(({ action }) => action === 'invitation.accept');
    expect(given).toMatchObject({
      outcome: 'allowed',
      actor_name: body.username,
      resource: { project: 'web', role: 'member', user: body.username, invitedBy: 'olivia' },
      request_id: answer.headers['x-request-id'],
    });
    expect((await trailOf(app, answer.body.user as { id: string })).map(({ action }) => action)).toEqual([
      'user.signup',
    ]);
  });

  it('400: it was used, by another sign-up or by somebody who has an account', async () => {
    const first = await invitation();
    await signUp(app, newcomer({ invitation: first })).expect(201);
    await refused(newcomer({ invitation: first }));
    const second = await invitation();
    const guest = await open.world.user(newcomer().username);
    await app.as(guest).post('/auth/invitations/accept', { token: second }).expect(200);
    await refused(newcomer({ invitation: second }));
    await app.as(guest).post('/auth/invitations/accept', { token: first }).expect(404);
  });

  it('400: it is for another address; 201 for that one, in any case', async () => {
    const bound = await invitation('acme', { email: 'nina@example.com' });
    await refused(newcomer({ invitation: bound }));
    await signUp(app, newcomer({ invitation: bound, email: 'Nina@Example.COM' })).expect(201);
  });

  it('400: it was revoked, has expired, is no longer its maker’s to give, is made up or is something else', async () => {
    const boss = await open.world.user(newcomer().username);
    const grant = await open.world.grant(olivia, boss, 'admin', 'acme');
    const [revoked, expired] = [
      await app.world.invitation(olivia, 'member', 'acme'),
      await app.world.invitation(olivia, 'member', 'acme'),
    ];
    const orphan = await app.world.invitation(boss, 'member', 'acme');
    await app.as(olivia).delete(`/orgs/acme/invitations/${revoked.id}`).expect(204);
    await app.as(olivia).delete(`/orgs/acme/grants/${grant}`).expect(204);
    await app.sql.query('update invitations set expires_at = now() where id = $1', [expired.id]);
    const service = await app.world.serviceToken(olivia, 'viewer', 'acme/web');
    const [org] = (await app.sql.query<{ id: string }>('select org_id as id from org_slugs')).rows;
    const madeUp = makeToken({ kind: 'invitation', orgId: org?.id ?? '', id: orphan.id }).text;
    for (const invitation of [
      ...[revoked.token, expired.token, orphan.token, madeUp, service.token, olivia.token],
      ...['', 'cofi_', 'x'.repeat(10_000)],
    ]) {
      await refused(newcomer({ invitation }));
    }
  });

  it('400: null and what is no text mean no invitation, and no free pass', async () => {
    for (const invitation of [null, 7, [], {}]) await refused(newcomer({ invitation }));
  });

  it('409: the name is taken, and the invitation stays for a better one', async () => {
    const token = await invitation();
    await signUp(app, newcomer({ username: 'olivia', invitation: token })).expect(409);
    await signUp(app, newcomer({ invitation: token })).expect(201);
  });

  it('has exactly one winner among 40 who sign up and accept at the same time', async () => {
    const token = await invitation('acme/web/prod');
    const guest = await open.world.user(newcomer().username);
    const bodies = Array.from({ length: 20 }, () => newcomer({ invitation: token }));
    const answers = await Promise.all([
      ...bodies.map((body) => signUp(app, body)),
      ...bodies.map(() => app.as(guest).post('/auth/invitations/accept', { token })),
    ]);
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status < 300)).toHaveLength(1);
    expect(statuses.filter((status) => status >= 300 && ![400, 404].includes(status))).toEqual([]);
    const { rows } = await app.sql.query('select from users where username = any($1)', [
      bodies.map(({ username }) => username),
    ]);
    expect(rows).toHaveLength(statuses.includes(201) ? 1 : 0);
  });
});

describe('COFFER_SIGNUP=invite, without an invitation', () => {
  it('403 for everybody but the very first, who may come once, also by many nodes at the same time', async () => {
    const app = await TestApp.start({ config: { signup: 'invite' } });
    const second = await TestApp.start({ ...besides(app), config: { signup: 'invite' } });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => signUp(index % 2 === 0 ? app : second, newcomer())),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    const refusals = answers.filter(({ status }) => status === 403);
    expect(refusals).toHaveLength(11);
    expect(refusals[0]?.body.code).toBe('forbidden');
    expect((await app.sql.query('select from users')).rows).toHaveLength(1);
    await second.close();
    await app.close();
  });

  it('400 for the very first with an invitation that is none: it is not taken for a free pass', async () => {
    const app = await TestApp.start({ config: { signup: 'invite' } });
    await signUp(app, newcomer({ invitation: 'made up' })).expect(400);
    await signUp(app, newcomer()).expect(201);
    await app.close();
  });
});

describe('COFFER_SIGNUP=closed', () => {
  it('403 for everybody, with a valid invitation too, which stays open', async () => {
    const { open, app, olivia } = await nodes('closed');
    const { token } = await app.world.invitation(olivia, 'member', 'acme');
    for (const body of [newcomer(), newcomer({ invitation: token })]) {
      expect((await signUp(app, body).expect(403)).body.code).toBe('forbidden');
    }
    const guest = await open.world.user(newcomer().username);
    await app.as(guest).post('/auth/invitations/accept', { token }).expect(200);
    await app.close();
    await open.close();
  });
});
