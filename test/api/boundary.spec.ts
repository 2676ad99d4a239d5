import { PERMISSIONS } from '../../src/access/permissions.js';
import { RightsWorld, type Carrier } from '../support/rights-world.js';
import { routesOf } from '../support/routes.js';
import type { Person } from '../support/world.js';

/** Routes that give a right, and routes that take one, by their action, with what carries the right. */
const GIVING: [action: string, carrier: Carrier][] = [
  ['grant.give', 'grant'],
  ['invitation.create', 'invitation'],
  ['service-token.create', 'service token'],
  ['trust.create', 'trust'],
];
const TAKING: [action: string, carrier: Carrier][] = [
  ['grant.take', 'grant'],
  ['member.remove', 'member'],
  ['invitation.revoke', 'invitation'],
  ['service-token.delete', 'service token'],
  ['trust.delete', 'trust'],
];
const ROLES = ['role.create', 'role.update', 'role.delete'];

/** Routes under the same permissions that neither give nor take anything. */
const OTHER = ['org.update', 'org.delete', 'trust.simulate'];

const NOTHING = { error: 'There is nothing here that you may see.', code: 'not_found' };

describe('the boundary, through every route', () => {
  let at: RightsWorld;

  beforeAll(async () => {
    at = await RightsWorld.start();
  });

  afterAll(() => at.app.close());

  /** Tokens and trusts belong to a project. */
  function scopes(carrier: Carrier, ...all: string[]): string[] {
    const inProject = carrier === 'service token' || carrier === 'trust';
    return all.filter((scope) => !inProject || scope.includes('/'));
  }

  /** The work is refused, on record, and not a single right has changed. */
  async function refused(
    action: string,
    by: string,
    work: () => PromiseLike<{ status: number; body: { code: string; details?: object[] } }>,
    lacking: string[],
  ): Promise<void> {
    const before = await at.rights();
    const { status, body } = await work();
    const details = lacking.map((permission) => ({ permission }));
    expect({ status, code: body.code, details: body.details }).toEqual({
      status: 403,
      code: 'forbidden',
      details,
    });
    expect(await at.rights()).toEqual(before);
    const event = (await at.app.events('acme')).at(-1);
    expect(event).toMatchObject({ action, outcome: 'denied', actor_name: by });
    expect(event?.resource['permission']).toBe(lacking.join(' '));
  }

  async function gives(by: { token: string }, carrier: Carrier, role: string, scope: string): Promise<void> {
    expect((await at.give(by, carrier, role, scope)).status).toBe(201);
  }

  async function hidden(work: () => PromiseLike<{ status: number; body: object }>): Promise<void> {
    const before = await at.rights();
    const { status, body } = await work();
    expect({ status, body }).toEqual({ status: 404, body: NOTHING });
    expect(await at.rights()).toEqual(before);
  }

  it('is tried here for every route under the permissions that give and take', () => {
    const giving = ['members:manage', 'tokens:manage', 'org:manage'];
    const found = routesOf(at.app.app)
      .filter(({ method, policy }) => method !== 'GET' && giving.includes(policy.need))
      .map(({ policy }) => policy.action);
    expect(found.sort()).toEqual(
      [...[...GIVING, ...TAKING].map(([action]) => action), ...ROLES, ...OTHER].sort(),
    );
  });

  describe.each(GIVING)('%s', (action, carrier) => {
    it('an administrator gives nothing that they do not hold themselves, in no scope', async () => {
      for (const scope of scopes(carrier, 'acme', 'acme/web', 'acme/web/prod')) {
        const give = (role: string) => () => at.give(at.adam, carrier, role, scope);
        await refused(action, 'adam', give('consumer'), ['secrets:get-value']);
        await refused(action, 'adam', give('owner'), ['secrets:set-value', 'org:manage']);
      }
    });

    it('a custom role counts for what it holds, not for its name', async () => {
      const role = at.name();
      await at.app.world.role(at.olivia, 'acme', role, ['secrets:get-value']);
      const give = () => at.give(at.adam, carrier, role, 'acme/web');
      await refused(action, 'adam', give, ['secrets:get-value']);
    });

    it('an administrator of one environment gives nothing outside of it', async () => {
      for (const scope of scopes(carrier, 'acme', 'acme/web')) {
        const give = () => at.give(at.tess, carrier, 'viewer', scope);
        await refused(action, 'tess', give, [
          carrier === 'grant' || carrier === 'invitation' ? 'members:manage' : 'tokens:manage',
        ]);
      }
      for (const scope of ['acme/web/dev', 'acme/api', 'acme/api/prod']) {
        await hidden(() => at.give(at.tess, carrier, 'viewer', scope));
      }
    });

    it('an administrator of one environment gives in it what they hold, and no more', async () => {
      for (const role of ['viewer', 'member', 'admin']) {
        await gives(at.tess, carrier, role, 'acme/web/prod');
      }
      const give = () => at.give(at.tess, carrier, 'consumer', 'acme/web/prod');
      await refused(action, 'tess', give, ['secrets:get-value']);
    });

    it('what is held in one scope gives nothing in another', async () => {
      const both = await at.person(
        ['admin', 'acme/web'],
        ['consumer', 'acme/web/prod'],
        ['owner', 'acme/api'],
      );
      await gives(both, carrier, 'consumer', 'acme/web/prod');
      await gives(both, carrier, 'owner', 'acme/api/prod');
      for (const scope of ['acme/web', 'acme/web/dev']) {
        const give = () => at.give(both, carrier, 'consumer', scope);
        await refused(action, both.username, give, ['secrets:get-value']);
      }
    });

    it('an owner gives every role; who holds every permission by a custom role gives all but that of an owner', async () => {
      const name = at.name();
      await at.app.world.role(at.olivia, 'acme', name, PERMISSIONS);
      const almost = await at.person([name, 'acme']);
      for (const role of ['viewer', 'admin', 'consumer', name]) {
        await gives(almost, carrier, role, 'acme/web');
        await gives(at.olivia, carrier, role, 'acme/web');
      }
      await gives(at.olivia, carrier, 'owner', 'acme/web');
      const give = () => at.give(almost, carrier, 'owner', 'acme/web');
      await refused(action, almost.username, give, ['owner']);
    });

    it('a service token gives no more than its own role', async () => {
      const robot = await at.app.world.serviceToken(at.olivia, 'admin', 'acme/web/prod');
      const give = () => at.give(robot, carrier, 'consumer', 'acme/web/prod');
      await refused(action, 'admin of acme/web/prod', give, ['secrets:get-value']);
      await hidden(() => at.give(robot, carrier, 'viewer', 'acme/web/dev'));
    });

    it.each(['taken from a person', 'made less', 'made less for a token'])(
      'nobody gives by a right that is being %s',
      async (how) => {
        const name = at.name();
        await at.app.world.role(at.olivia, 'acme', name, ['members:manage', 'tokens:manage', 'secrets:read']);
        const leaving =
          how === 'made less for a token'
            ? await at.app.world.serviceToken(at.olivia, name, 'acme/web')
            : await at.person([name, 'acme/web']);
        const { status } = await at.heldUp(
          () => at.give(leaving, carrier, 'viewer', 'acme/web'),
          () =>
            how === 'taken from a person'
              ? at.app.sql.query('delete from grants where user_id = $1', [leaving.id])
              : at.app.sql.query(`update roles set permissions = '{audit:read}' where name = $1`, [name]),
        );
        expect(status).toBe(403);
        const { rows } = await at.app.sql.query(
          `select from org_events where actor_id = $1 and outcome = 'allowed'`,
          [leaving.id],
        );
        expect(rows).toHaveLength(0);
      },
    );
  });

  describe.each(TAKING)('%s', (action, carrier) => {
    it('an administrator takes nothing away that is more than they hold, in no scope', async () => {
      for (const scope of scopes(carrier, 'acme', 'acme/web', 'acme/web/prod')) {
        for (const [role, lacking] of [
          ['consumer', ['secrets:get-value']],
          ['owner', ['secrets:set-value', 'org:manage']],
        ] as const) {
          const path = await at.given(carrier, role, scope);
          await refused(action, 'adam', async () => await at.app.as(at.adam).delete(path), [...lacking]);
        }
      }
    });

    it('an administrator of one environment takes nothing away outside of it', async () => {
      for (const scope of scopes(carrier, 'acme', 'acme/web')) {
        const path = await at.given(carrier, 'viewer', scope);
        await refused(action, 'tess', async () => await at.app.as(at.tess).delete(path), [
          carrier === 'service token' || carrier === 'trust' ? 'tokens:manage' : 'members:manage',
        ]);
      }
      for (const scope of ['acme/web/dev', 'acme/api', 'acme/api/prod']) {
        const path = await at.given(carrier, 'viewer', scope);
        await hidden(async () => await at.app.as(at.tess).delete(path));
      }
    });

    it('an administrator of one environment takes away in it what they hold, and no more', async () => {
      for (const role of ['viewer', 'member', 'admin']) {
        await at.app
          .as(at.tess)
          .delete(await at.given(carrier, role, 'acme/web/prod'))
          .expect(204);
      }
      const path = await at.given(carrier, 'consumer', 'acme/web/prod');
      await refused(action, 'tess', async () => await at.app.as(at.tess).delete(path), ['secrets:get-value']);
    });

    it('a service token takes away no more than its own role', async () => {
      const robot = await at.app.world.serviceToken(at.olivia, 'admin', 'acme/web/prod');
      const path = await at.given(carrier, 'consumer', 'acme/web/prod');
      const take = async () => await at.app.as(robot).delete(path);
      await refused(action, 'admin of acme/web/prod', take, ['secrets:get-value']);
      await at.app
        .as(robot)
        .delete(await at.given(carrier, 'viewer', 'acme/web/prod'))
        .expect(204);
    });

    it('an owner takes everything away', async () => {
      for (const role of ['viewer', 'consumer', 'owner']) {
        await at.app
          .as(at.olivia)
          .delete(await at.given(carrier, role, 'acme/web'))
          .expect(204);
      }
    });
  });

  describe('roles', () => {
    let manu: Person;

    /** May manage the organisation, and holds nothing beyond that but reading. */
    beforeAll(async () => {
      await at.app.world.role(at.olivia, 'acme', 'manager', ['org:manage', 'members:manage', 'secrets:read']);
      manu = await at.person(['manager', 'acme']);
    });

    const path = (name: string) => `/orgs/acme/roles/${name}`;

    it('role.create: nobody makes a role with permissions that they do not hold', async () => {
      const name = at.name();
      const create = (permissions: string[]) =>
        at.app.as(manu).post('/orgs/acme/roles', { name, permissions });
      await refused('role.create', manu.username, async () => await create([...PERMISSIONS]), [
        ...PERMISSIONS.filter((one) => !['org:manage', 'members:manage', 'secrets:read'].includes(one)),
      ]);
      await refused('role.create', manu.username, async () => await create(['secrets:read', 'audit:read']), [
        'audit:read',
      ]);
      await create(['secrets:read', 'org:manage']).expect(201);
    });

    it('role.create: what is held in a part of the organisation does not make a role, which could be given in all of it', async () => {
      const reader = await at.person(['manager', 'acme'], ['consumer', 'acme/web']);
      const body = { name: at.name(), permissions: ['secrets:get-value'] };
      const create = async () => await at.app.as(reader).post('/orgs/acme/roles', body);
      await refused('role.create', reader.username, create, ['secrets:get-value']);
    });

    it('role.create: an owner makes any, the owner of a project none', async () => {
      await at.app.world.role(at.olivia, 'acme', at.name(), PERMISSIONS);
      const owner = await at.person(['owner', 'acme/web']);
      const body = { name: at.name(), permissions: ['secrets:read'] };
      const create = async () => await at.app.as(owner).post('/orgs/acme/roles', body);
      await refused('role.create', owner.username, create, ['org:manage']);
    });

    it('role.update: nobody makes a role more than they hold, their own above all', async () => {
      for (const name of ['manager', at.name()]) {
        if (name !== 'manager') await at.app.world.role(at.olivia, 'acme', name, ['secrets:read']);
        const permissions = ['org:manage', 'members:manage', 'secrets:read', 'secrets:get-value'];
        const update = async () => await at.app.as(manu).put(path(name), { permissions });
        await refused('role.update', manu.username, update, ['secrets:get-value']);
      }
    });

    it('role.update: nobody changes a role that holds more than they do, be it in use or not', async () => {
      const name = at.name();
      await at.app.world.role(at.olivia, 'acme', name, ['secrets:read', 'secrets:get-value']);
      const update = async () => await at.app.as(manu).put(path(name), { permissions: ['secrets:read'] });
      await refused('role.update', manu.username, update, ['secrets:get-value']);
      await at.person([name, 'acme/api/prod']);
      await refused('role.update', manu.username, update, ['secrets:get-value']);
      await at.app
        .as(at.olivia)
        .put(path(name), { permissions: ['secrets:read'] })
        .expect(200);
      await at.app
        .as(manu)
        .put(path(name), { permissions: ['secrets:read', 'org:manage'] })
        .expect(200);
    });

    it('role.update: nobody changes a role by a right that is being taken away', async () => {
      const leaving = await at.person(['manager', 'acme']);
      const name = at.name();
      await at.app.world.role(at.olivia, 'acme', name, ['secrets:read']);
      const { status } = await at.heldUp(
        () => at.app.as(leaving).put(path(name), { permissions: ['org:manage'] }),
        () => at.app.sql.query('delete from grants where user_id = $1', [leaving.id]),
      );
      expect(status).toBe(403);
      const { body } = await at.app.as(at.olivia).get(path(name)).expect(200);
      expect(body.permissions).toEqual(['secrets:read']);
    });

    it('role.delete: nobody deletes a role that holds more than they do', async () => {
      const name = at.name();
      await at.app.world.role(at.olivia, 'acme', name, ['secrets:get-value']);
      const remove = async () => await at.app.as(manu).delete(path(name));
      await refused('role.delete', manu.username, remove, ['secrets:get-value']);
      await at.app.as(at.olivia).delete(path(name)).expect(204);
    });
  });
});
