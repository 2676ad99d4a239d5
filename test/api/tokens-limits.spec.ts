import { TokenWorld, TOKENS, type Made } from '../support/token-world.js';

describe('what a service token can be and do', () => {
  let at: TokenWorld;

  beforeAll(async () => {
    at = await TokenWorld.start();
  });

  afterAll(() => at.app.close());

  function from(address: string, token: Made) {
    return at.app.as(token).get('/auth/me').set('x-forwarded-for', address);
  }

  describe('the boundary', () => {
    it.each([
      ['consumer', ['secrets:get-value']],
      ['owner', ['secrets:set-value', 'org:manage']],
    ])('an administrator makes no %s token, and it is on record', async (name, lacking) => {
      const { body } = await at.create(at.adam, { name: 'more', role: name }).expect(403);
      expect(body.details).toEqual(lacking.map((permission) => ({ permission })));
      expect((await at.app.events('acme')).at(-1)).toMatchObject({
        action: 'service-token.create',
        outcome: 'denied',
        actor_name: 'adam',
        resource: { project: 'web', token: 'more', role: name, permission: lacking.join(' ') },
      });
      expect(await at.names(at.olivia)).not.toContain('more');
    });

    it('a custom role counts by what it holds', async () => {
      await at.role('reader', ['secrets:read', 'secrets:get-value']);
      await at.role('lister', ['secrets:read']);
      await at.create(at.adam, { name: 'x', role: 'reader' }).expect(403);
      const token = await at.made(at.adam, { role: 'lister', envName: 'prod' });
      await at.app.as(token).get('/acme/web/envs/prod/secrets').expect(200);
      await at.app.as(token).get('/acme/web/envs/prod/values').expect(403);
    });

    it('an owner gives what they do not hold themself', async () => {
      const token = await at.made(at.olivia, { role: 'consumer', envName: 'prod' });
      await at.app.as(token).get('/acme/web/envs/prod/values').expect(200);
      await at.app.as(at.olivia).get('/acme/web/envs/prod/values').expect(403);
    });

    it('an administrator revokes no token that holds more than they do, and it is on record', async () => {
      const strong = await at.made(at.olivia, { role: 'consumer', envName: 'prod' });
      const { body } = await at.app.as(at.adam).delete(`${TOKENS}/${strong.id}`).expect(403);
      expect(body.details).toEqual([{ permission: 'secrets:get-value' }]);
      expect((await at.app.events('acme')).at(-1)).toMatchObject({
        action: 'service-token.delete',
        outcome: 'denied',
        resource: { project: 'web', environment: 'prod', tokenId: strong.id },
      });
      await at.app.as(strong).get('/acme/web/envs/prod/values').expect(200);
    });

    it('a service token makes none that is stronger, wider or longer-lived than itself', async () => {
      const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
      const bot = await at.made(at.olivia, { role: 'admin', envName: 'dev', expiresAt });
      await at.create(bot, { name: 'x', role: 'consumer', envName: 'dev', expiresAt }).expect(403);
      await at.create(bot, { name: 'x', role: 'viewer', expiresAt }).expect(403);
      await at.create(bot, { name: 'x', role: 'viewer', envName: 'prod', expiresAt }).expect(404);
      const { body } = await at.create(bot, { name: 'x', role: 'viewer', envName: 'dev' }).expect(403);
      expect(body).toEqual({ error: expect.stringContaining('expiresAt'), code: 'forbidden' });
      const { body: child } = await at
        .create(bot, {
          name: 'child',
          role: 'viewer',
          envName: 'dev',
          expiresAt,
        })
        .expect(201);
      expect(child.createdBy).toEqual({ type: 'service-token', name: 'token' });
    });
  });

  describe('allowedIps', () => {
    it('401 from another address, and the token goes on where it is allowed', async () => {
      const token = await at.made(at.olivia, {
        role: 'viewer',
        allowedIps: ['203.0.113.0/24', '198.51.100.7'],
      });
      await from('203.0.113.99', token).expect(200);
      await from('198.51.100.7', token).expect(200);
      await from('::ffff:203.0.113.99', token).expect(200);
      await from('198.51.100.8', token).expect(401);
      await from('2001:db8::1', token).expect(401);
      await from('nonsense', token).expect(401);
      await at.app.as(token).get('/auth/me').expect(401);
    });

    it('believes no other header about the address', async () => {
      const token = await at.made(at.olivia, { role: 'viewer', allowedIps: ['203.0.113.0/24'] });
      for (const header of [
        'x-real-ip',
        'forwarded',
        'client-ip',
        'x-client-ip',
        'cf-connecting-ip',
        'true-client-ip',
      ]) {
        await at.app.as(token).get('/auth/me').set(header, '203.0.113.9').expect(401);
      }
    });

    it('IPv6 ranges and mapped IPv4 ranges hold what they say', async () => {
      const token = await at.made(at.olivia, {
        role: 'viewer',
        allowedIps: ['2001:db8:1::/48', '::ffff:192.0.2.0/120'],
      });
      await from('2001:db8:1::5', token).expect(200);
      await from('192.0.2.5', token).expect(200);
      await from('2001:db8:2::5', token).expect(401);
      await from('192.0.3.5', token).expect(401);
    });
  });

  describe('what a token stands on', () => {
    it('goes with its environment, its project and its organisation: 401', async () => {
      const { world } = at.app;
      await world.org('short-lived', at.olivia);
      await world.environment('short-lived/one/prod', at.olivia);
      await world.environment('short-lived/two/prod', at.olivia);
      const env = await at.made(at.olivia, { role: 'viewer', envName: 'prod' }, '/short-lived/one/tokens');
      const project = await at.made(at.olivia, { role: 'viewer' }, '/short-lived/one/tokens');
      const org = await at.made(at.olivia, { role: 'viewer' }, '/short-lived/two/tokens');
      await at.app.as(at.olivia).delete('/short-lived/one/environments/prod?force=true').expect(204);
      await at.app.as(env).get('/auth/me').expect(401);
      await at.app.as(project).get('/auth/me').expect(200);
      await at.app.as(at.olivia).delete('/orgs/short-lived/projects/one?force=true').expect(204);
      await at.app.as(project).get('/auth/me').expect(401);
      await at.app.as(org).get('/auth/me').expect(200);
      await at.app.as(at.olivia).delete('/orgs/short-lived').expect(204);
      await at.app.as(org).get('/auth/me').expect(401);
    });

    it('holds what its custom role holds now, and nothing once that is empty of what counts', async () => {
      await at.role('changing', ['secrets:read']);
      const token = await at.made(at.olivia, { role: 'changing' });
      await at.app.as(token).get('/acme/web/envs/prod/secrets').expect(200);
      await at.app.sql.query(`update roles set permissions = '{unknown:permission}' where name = 'changing'`);
      await at.app.as(token).get('/acme/web/envs/prod/secrets').expect(404);
      await expect(at.app.sql.query(`delete from roles where name = 'changing'`)).rejects.toThrow(
        /foreign key/,
      );
    });

    it('is of one organisation: with another organisation’s id in it, it is no token', async () => {
      const mine = await at.made(at.stranger, { role: 'owner' }, '/other/web/tokens');
      const theirs = await at.made(at.olivia, { role: 'viewer' });
      await at.app
        .as(`cofs_${theirs.token.slice(5, 27)}${mine.token.slice(27)}`)
        .get('/auth/me')
        .expect(401);
    });

    it('names a holding by itself among the reasons for what it may do', async () => {
      const token = await at.made(at.olivia, { name: 'explained', role: 'viewer', envName: 'prod' });
      const { body } = await at.app
        .as(token)
        .get('/orgs/acme/permissions?project=web&environment=prod')
        .expect(200);
      expect(body).toEqual([{ permission: 'secrets:read', because: ['service token explained'] }]);
    });
  });
});
