import { TestApp } from '../support/app.js';
import { nextOf } from '../support/pages.js';
import type { Person } from '../support/world.js';

const NOTHING = { error: 'There is nothing here that you may see.', code: 'not_found' };

type Member = {
  user: { username: string; email: string };
  grants: { id: string; role: string; scope: string }[];
};

describe('members', () => {
  let app: TestApp;
  let olivia: Person;
  let adam: Person;
  let vera: Person;
  let diana: Person;
  let mallory: Person;

  beforeAll(async () => {
    app = await TestApp.start();
    olivia = await app.world.user('olivia');
    adam = await app.world.user('adam');
    vera = await app.world.user('vera');
    diana = await app.world.user('diana');
    mallory = await app.world.user('mallory');
    await app.world.org('acme', olivia);
    await app.world.org('evil', mallory);
    for (const path of ['acme/web/prod', 'acme/web/dev', 'acme/api/prod'])
      await app.world.environment(path, olivia);
    await app.world.grant(olivia, adam, 'admin', 'acme/web/prod');
    await app.world.grant(olivia, vera, 'viewer', 'acme/web/prod');
    await app.world.grant(olivia, vera, 'consumer', 'acme/web');
    await app.world.grant(olivia, diana, 'member', 'acme/web/dev');
    await app.world.grant(olivia, diana, 'member', 'acme/api');
  });

  afterAll(() => app.close());

  let people = 0;
  async function somebody(...grants: [role: string, scope: string][]): Promise<Person> {
    people += 1;
    const person = await app.world.user(`person-${String(people)}`);
    for (const [role, scope] of grants) await app.world.grant(olivia, person, role, scope);
    return person;
  }

  function summary(members: Member[]): Record<string, string[]> {
    return Object.fromEntries(
      members.map(({ user, grants }) => [
        user.username,
        grants.map(({ role, scope }) => `${role} in ${scope}`),
      ]),
    );
  }

  describe('GET /orgs/{o}/members', () => {
    it('200: gives an owner every member with all of their grants, by username', async () => {
      const { body } = await app.as(olivia).get('/orgs/acme/members').expect(200);
      expect(summary(body)).toEqual({
        adam: ['admin in acme/web/prod'],
        diana: ['member in acme/web/dev', 'member in acme/api'],
        olivia: ['owner in acme'],
        vera: ['viewer in acme/web/prod', 'consumer in acme/web'],
      });
      expect(body.map(({ user }: Member) => user.username)).toEqual(['adam', 'diana', 'olivia', 'vera']);
      expect(body[0]).toEqual({
        user: { username: 'adam', email: 'adam@example.com' },
        grants: [{ id: expect.any(String), role: 'admin', scope: 'acme/web/prod' }],
      });
    });

    it('200: gives a member of one environment those of it and above it, and tells nothing of the others', async () => {
      const robot = await app.world.serviceToken(olivia, 'consumer', 'acme/web/prod');
      for (const caller of [adam, robot]) {
        const answer = await app.as(caller).get('/orgs/acme/members').expect(200);
        expect(summary(answer.body)).toEqual({
          adam: ['admin in acme/web/prod'],
          olivia: ['owner in acme'],
          vera: ['viewer in acme/web/prod', 'consumer in acme/web'],
        });
        expect(answer.text).not.toMatch(/diana|dev|api/);
      }
    });

    it('200: gives a member of one project those of its environments too', async () => {
      const { body } = await app.as(vera).get('/orgs/acme/members').expect(200);
      expect(summary(body)).toMatchObject({ diana: ['member in acme/web/dev'] });
    });

    it('200: comes in pages of members, each with all of their grants', async () => {
      const first = await app.as(olivia).get('/orgs/acme/members?limit=2').expect(200);
      expect(first.body.map(({ user }: Member) => user.username)).toEqual(['adam', 'diana']);
      expect(first.body[1].grants).toHaveLength(2);
      const next = nextOf(first) ?? '';
      const second = await app.as(olivia).get(next).expect(200);
      expect(second.body.map(({ user }: Member) => user.username)).toEqual(['olivia', 'vera']);
      expect(second.headers['link']).toBeUndefined();
    });

    it.each(['limit=0', 'cursor=%7B', 'role=owner'])('400: %s', async (query) => {
      await app.as(olivia).get(`/orgs/acme/members?${query}`).expect(400);
    });

    it('401 and 404: for nobody, for strangers, and for members who were removed', async () => {
      await app.as(null).get('/orgs/acme/members').expect(401);
      expect((await app.as(mallory).get('/orgs/acme/members').expect(404)).body).toEqual(NOTHING);
      expect((await app.as(olivia).get('/orgs/evil/members').expect(404)).body).toEqual(NOTHING);
    });
  });

  describe('DELETE /orgs/{o}/members/{username}', () => {
    it('204: takes all of the user’s grants, on record as one removal', async () => {
      const leaver = await somebody(['member', 'acme'], ['consumer', 'acme/web/prod']);
      await app.as(olivia).delete(`/orgs/acme/members/${leaver.username}`).expect(204);
      await app.as(leaver).get('/orgs/acme').expect(404);
      expect(
        await app
          .as(leaver)
          .get('/orgs')
          .then(({ body }) => body as unknown),
      ).toEqual([]);
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'member.remove',
        outcome: 'allowed',
        actor_name: 'olivia',
        resource: {
          user: leaver.username,
          grants: [
            { role: 'member', scope: 'acme' },
            { role: 'consumer', scope: 'acme/web/prod' },
          ],
        },
      });
      await app.as(olivia).delete(`/orgs/acme/members/${leaver.username}`).expect(404);
    });

    it('204: who manages every scope in which the user has a grant may remove them', async () => {
      const leaver = await somebody(['viewer', 'acme/web/prod']);
      await app.as(adam).delete(`/orgs/acme/members/${leaver.username}`).expect(204);
    });

    it('403: one grant out of reach keeps them all, and what it is is not told', async () => {
      const beside = await somebody(['viewer', 'acme/web/prod'], ['viewer', 'acme/api/prod']);
      const above = await somebody(['viewer', 'acme/web/prod'], ['viewer', 'acme']);
      for (const { username, id } of [beside, above]) {
        const answer = await app.as(adam).delete(`/orgs/acme/members/${username}`).expect(403);
        expect(answer.body.details).toEqual([{ permission: 'members:manage' }]);
        expect(answer.text).not.toContain('api');
        expect((await app.sql.query('select from grants where user_id = $1', [id])).rows).toHaveLength(2);
      }
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'member.remove',
        outcome: 'denied',
        actor_name: 'adam',
        resource: { user: above.username, role: 'viewer', permission: 'members:manage' },
      });
    });

    it('403: a member removes nobody, not even themself', async () => {
      for (const username of ['vera', 'adam', 'nobody-here']) {
        await app.as(vera).delete(`/orgs/acme/members/${username}`).expect(403);
      }
    });

    it('404: who has no grant in sight is no member, whether they exist or not', async () => {
      for (const username of [
        'diana',
        'mallory',
        'nobody-here',
        'Vera',
        'vera@example.com',
        '%00',
        'x'.repeat(5_000),
        '__proto__',
      ]) {
        const { status, body } = await app.as(adam).delete(`/orgs/acme/members/${username}`);
        expect([status, body]).toEqual([404, NOTHING]);
      }
      expect((await app.as(mallory).delete('/orgs/acme/members/olivia').expect(404)).body).toEqual(NOTHING);
    });

    it('409: the last owner stays with all of their grants; with another one they may go', async () => {
      const owner = await app.world.user('lone-owner');
      await app.world.org('lonely', owner);
      await app.world.grant(owner, owner, 'consumer', 'lonely');
      const { body } = await app.as(owner).delete('/orgs/lonely/members/lone-owner').expect(409);
      expect(body.code).toBe('last_owner');
      expect(summary((await app.as(owner).get('/orgs/lonely/members')).body)).toEqual({
        'lone-owner': ['owner in lonely', 'consumer in lonely'],
      });
      await app.world.grant(owner, vera, 'owner', 'lonely');
      await app.as(owner).delete('/orgs/lonely/members/lone-owner').expect(204);
      await app.as(vera).delete('/orgs/lonely/members/vera').expect(409);
    });

    it('409: two owners who remove each other at the same time leave one', async () => {
      for (let round = 0; round < 5; round += 1) {
        const slug = `duel-${String(round)}`;
        const [one, two] = [await somebody(), await somebody()];
        await app.world.org(slug, one);
        await app.world.grant(one, two, 'owner', slug);
        const answers = await Promise.all([
          app.as(one).delete(`/orgs/${slug}/members/${two.username}`),
          app.as(two).delete(`/orgs/${slug}/members/${one.username}`),
        ]);
        expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
        expect(answers.filter(({ status }) => ![204, 403, 404, 409].includes(status))).toEqual([]);
      }
    });
  });
});
