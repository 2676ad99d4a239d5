import type { Person } from '../support/world.js';
import { Operated, type Login } from './support/operated.js';

describe.each<Login>(['superuser', 'plain owner'])('coffer admin verify-audit, as a %s', (login) => {
  let site: Operated;
  let olivia: Person;

  beforeAll(async () => {
    site = await Operated.start(login);
    olivia = await site.world.user('olivia');
    for (const org of ['acme', 'other', 'gone']) {
      await site.world.org(org, olivia);
      const env = await site.world.environment(`${org}/web/prod`, olivia);
      for (const name of ['A', 'B', 'C']) await env.secret(name, `${name} of ${org}`);
    }
    await site.as(olivia).delete('/orgs/gone').expect(204);
  });

  afterAll(() => site.close());

  /** Runs the command on a changed database, and takes the change back. */
  async function afterChange(
    ...statements: string[]
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    await site.sql.query(`
      create table saved_org_events as select * from org_events; create table saved_user_events as select * from user_events;
      create table saved_heads as select * from org_chain_heads`);
    for (const statement of statements) await site.sql.query(statement);
    const ended = await site.admin(['verify-audit']);
    await site.sql.query(`
      truncate org_events, user_events, org_chain_heads; insert into org_events select * from saved_org_events;
      insert into user_events select * from saved_user_events; insert into org_chain_heads select * from saved_heads;
      drop table saved_org_events, saved_user_events, saved_heads`);
    return ended;
  }

  const ofAcme = `org_id = (select org_id from org_slugs where slug = 'acme')`;
  const ofGone = `org_id not in (select org_id from org_slugs)`;

  it('finds nothing wrong with what the service wrote, while it goes on writing', async () => {
    const over = new AbortController();
    const writing = (async () => {
      const client = site.as(olivia);
      for (let count = 0; !over.signal.aborted; count += 1)
        await client.put('/acme/web/envs/prod/secrets/A/value', { value: String(count) }).expect(200);
    })();
    const { code, stdout } = await site.admin(['verify-audit', '--json']);
    over.abort();
    await writing;
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      { ok: true, trails: 4, records: expect.any(Number), broken: [] },
    ]);
  });

  it.each([
    [
      'an edited record',
      [`update org_events set ip = '203.0.113.9' where seq = 4 and ${ofAcme}`],
      /organisation acme:\n\s+record 4 was changed/,
    ],
    [
      'an edited resource',
      [`update org_events set resource = '{}', secret = null where seq = 5 and ${ofAcme}`],
      /record 5 was changed: its content/,
    ],
    [
      'an edited column to search by',
      [`update org_events set secret = 'Z' where seq = 5 and ${ofAcme}`],
      /record 5 was changed: the columns/,
    ],
    [
      'a deleted record',
      [`delete from org_events where seq = 3 and ${ofAcme}`],
      /organisation acme:\n\s+record 3 is missing/,
    ],
    [
      'a deleted beginning',
      [`delete from org_events where seq < 3 and ${ofAcme}`],
      /records 1 to 2 are missing/,
    ],
    [
      'reordered records',
      [2, 3]
        .map(
          (seq) =>
            `update org_events set seq = ${String(-seq)} + 105 where seq = ${String(seq)} and ${ofAcme}`,
        )
        .concat(`update org_events set seq = seq - 100 where seq > 100 and ${ofAcme}`),
      /record 2 was changed[\s\S]*record 3 was changed/,
    ],
    [
      'a cut tail',
      [`delete from org_events where seq > 6 and ${ofAcme}`],
      /records 7 to \d+ are cut off at the end/,
    ],
    [
      'a cut tail and a head to fit it',
      [
        `delete from org_events where seq > 6 and ${ofAcme}`,
        `update org_chain_heads h set seq = 6, hash = (select e.hash from org_events e where e.org_id = h.org_id and e.seq = 6) where ${ofAcme}`,
      ],
      /the head is not signed by this service/,
    ],
    [
      'a deleted head',
      [`delete from org_chain_heads where ${ofAcme}`],
      /organisation acme:\n\s+the signed head is gone/,
    ],
    [
      'a whole trail deleted',
      [`delete from org_events where ${ofAcme}`, `delete from org_chain_heads where ${ofAcme}`],
      /the signed head is gone/,
    ],
    [
      'the trail of another organisation in its place',
      [
        `delete from org_events where ${ofAcme}`,
        `insert into org_events select (select org_id from org_slugs where slug = 'acme'), seq, at, actor_type, actor_id, actor_name, action, outcome, project,
         environment, secret, many, resource, ip, user_agent, request_id, prev_hash, hash from org_events
       where org_id = (select org_id from org_slugs where slug = 'other')`,
      ],
      /record 1 does not begin this chain/,
    ],
    [
      'a record of a deleted organisation edited',
      [`update org_events set action = 'x' where seq = 2 and ${ofGone}`],
      /organisation \S+ \(deleted\):\n\s+record 2/,
    ],
    [
      'a record of a user edited',
      [`update user_events set ip = '203.0.113.9' where seq = 1`],
      /user olivia:\n\s+record 1 was changed/,
    ],
  ])('finds and names %s', async (_, statements, finding) => {
    const { code, stdout, stderr } = await afterChange(...statements);
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringMatching(finding)]);
  });
});
