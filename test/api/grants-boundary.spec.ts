import { BUILT_IN_ROLES, PERMISSIONS, type Permission } from '../../src/access/permissions.js';
import { TestApp } from '../support/app.js';
import type { Person } from '../support/world.js';

/** Nobody gives or takes more than they hold; only an owner may. */
describe('the boundary of giving and taking', () => {
  let app: TestApp;
  let olivia: Person;
  let adam: Person;

  beforeAll(async () => {
    app = await TestApp.start();
    olivia = await app.world.user('olivia');
    adam = await app.world.user('adam');
    await app.world.org('acme', olivia);
    for (const path of ['acme/web/prod', 'acme/web/dev', 'acme/api/prod'])
      await app.world.environment(path, olivia);
    await app.world.grant(olivia, adam, 'admin', 'acme');
  });

  afterAll(() => app.close());

  let made = 0;
  async function somebody(...grants: [role: string, scope: string][]): Promise<Person> {
    made += 1;
    const person = await app.world.user(`person-${String(made)}`);
    for (const [role, scope] of grants) await app.world.grant(olivia, person, role, scope);
    return person;
  }

  function role(name: string, permissions: readonly Permission[]): Promise<void> {
    return app.world.role(olivia, 'acme', name, permissions);
  }

  function give(giver: Person, user: Person, name: string, scope = 'acme') {
    const [, project, environment] = scope.split('/');
    return app.as(giver).post('/orgs/acme/grants', { user: user.username, role: name, project, environment });
  }

  const MORE_THAN_ADMIN: [string, Permission[]][] = [
    ['owner', ['secrets:set-value', 'org:manage']],
    ['consumer', ['secrets:get-value']],
  ];

  it.each(['viewer', 'member', 'admin'])('an administrator gives and takes %s', async (name) => {
    const user = await somebody();
    const { body } = await give(adam, user, name).expect(201);
    await app.as(adam).delete(`/orgs/acme/grants/${body.id}`).expect(204);
  });

  it.each(MORE_THAN_ADMIN)(
    'an administrator does not give %s, in no scope, and learns what they lack',
    async (name, lacking) => {
      const user = await somebody();
      for (const scope of ['acme', 'acme/web', 'acme/web/prod']) {
        const { body } = await give(adam, user, name, scope).expect(403);
        expect(body).toMatchObject({
          code: 'forbidden',
          details: lacking.map((permission) => ({ permission })),
        });
      }
      const events = await app.events('acme');
      expect(events.at(-1)).toMatchObject({
        action: 'grant.give',
        outcome: 'denied',
        actor_name: 'adam',
        resource: {
          project: 'web',
          environment: 'prod',
          user: user.username,
          role: name,
          permission: lacking.join(' '),
        },
      });
      const { rows } = await app.sql.query('select from grants where user_id = $1', [user.id]);
      expect(rows).toHaveLength(0);
    },
  );

  it.each(MORE_THAN_ADMIN)('an administrator does not take %s away', async (name, lacking) => {
    const user = await somebody();
    for (const scope of ['acme', 'acme/web', 'acme/web/prod']) {
      const id = await app.world.grant(olivia, user, name, scope);
      const { body } = await app.as(adam).delete(`/orgs/acme/grants/${id}`).expect(403);
      expect(body.details).toEqual(lacking.map((permission) => ({ permission })));
    }
    await app.as(adam).delete(`/orgs/acme/members/${user.username}`).expect(403);
    expect((await app.sql.query('select from grants where user_id = $1', [user.id])).rows).toHaveLength(3);
  });

  it('nobody makes themself more than they are', async () => {
    for (const name of ['owner', 'consumer']) await give(adam, adam, name).expect(403);
    const member = await somebody(['member', 'acme']);
    for (const name of Object.keys(BUILT_IN_ROLES)) await give(member, member, name).expect(403);
  });

  it('an owner gives every role, in their scope', async () => {
    for (const name of Object.keys(BUILT_IN_ROLES)) await give(olivia, await somebody(), name).expect(201);
    await role('everything', PERMISSIONS);
    await give(olivia, await somebody(), 'everything').expect(201);
  });

  it('the owner of one project gives everything in it and nothing outside of it', async () => {
    const owner = await somebody(['owner', 'acme/web']);
    const user = await somebody();
    for (const scope of ['acme/web', 'acme/web/prod']) await give(owner, user, 'consumer', scope).expect(201);
    await give(owner, user, 'owner', 'acme/web/prod').expect(201);
    await give(owner, user, 'viewer', 'acme').expect(403);
    await give(owner, user, 'viewer', 'acme/api').expect(404);
  });

  it('what is held in one scope does not help in another', async () => {
    const mixed = await somebody(['admin', 'acme/web'], ['owner', 'acme/web/dev'], ['consumer', 'acme/api']);
    const user = await somebody();
    await give(mixed, user, 'consumer', 'acme/web/dev').expect(201);
    await give(mixed, user, 'consumer', 'acme/web/prod').expect(403);
    await give(mixed, user, 'consumer', 'acme/web').expect(403);
    await give(mixed, user, 'viewer', 'acme/api').expect(403);
    await give(mixed, user, 'member', 'acme/web').expect(201);
  });

  it('what is held by several grants together may be given', async () => {
    const both = await somebody(['admin', 'acme/web'], ['consumer', 'acme/web/prod']);
    await give(both, await somebody(), 'consumer', 'acme/web/prod').expect(201);
    await give(both, await somebody(), 'consumer', 'acme/web').expect(403);
  });

  it('a custom role is given by those who hold all of it', async () => {
    await role('deployer', ['secrets:read', 'environments:write']);
    await role('setter', ['secrets:set-value']);
    const { body } = await give(adam, await somebody(), 'deployer').expect(201);
    expect(body.role).toBe('deployer');
    expect((await give(adam, await somebody(), 'setter').expect(403)).body.details).toEqual([
      { permission: 'secrets:set-value' },
    ]);
  });

  it('a custom role with every permission is not the owner role: who holds it neither gives nor takes that', async () => {
    await role('almost-owner', PERMISSIONS);
    const almost = await somebody(['almost-owner', 'acme']);
    const user = await somebody();
    const { body } = await give(almost, user, 'owner').expect(403);
    expect(body.details).toEqual([{ permission: 'owner' }]);
    const id = await app.world.grant(olivia, user, 'owner', 'acme');
    await app.as(almost).delete(`/orgs/acme/grants/${id}`).expect(403);
    await app.as(almost).delete(`/orgs/acme/members/${user.username}`).expect(403);
    await give(almost, user, 'consumer').expect(201);
  });

  it('a service token gives no more than its own role', async () => {
    const robot = await app.world.serviceToken(olivia, 'admin', 'acme/web');
    const user = await somebody();
    const grant = (name: string, scope: object) =>
      app.as(robot).post('/orgs/acme/grants', { user: user.username, role: name, ...scope });
    await grant('consumer', { project: 'web' }).expect(403);
    await grant('viewer', {}).expect(403);
    await grant('viewer', { project: 'api' }).expect(404);
    await grant('member', { project: 'web' }).expect(201);
  });

  it('a personal right that ended does not give any more', async () => {
    const former = await somebody();
    const id = await app.world.grant(olivia, former, 'admin', 'acme/web');
    const user = await somebody();
    await give(former, user, 'viewer', 'acme/web').expect(201);
    await app.as(olivia).delete(`/orgs/acme/grants/${id}`).expect(204);
    await give(former, user, 'member', 'acme/web').expect(404);
  });
});
