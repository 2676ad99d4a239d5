import type { Person } from '../support/world.js';
import { Operated, type Login } from './support/operated.js';

/** What is done to the trail of an organisation (its id is $1), and how that is found. */
const TAMPERING: Readonly<Record<string, readonly [finding: RegExp, ...statements: string[]]>> = {
  'an-edited-record': [
    /record 4 was changed: its content/,
    `update org_events set ip = '203.0.113.9' where seq = 4 and org_id = $1`,
  ],
  'an-edited-resource': [
    /record 5 was changed: its content/,
    `update org_events set resource = '{}', secret = null where seq = 5 and org_id = $1`,
  ],
  'a-column-to-search-by': [
    /record 5 was changed: the columns/,
    `update org_events set secret = 'Z' where seq = 5 and org_id = $1`,
  ],
  'an-act-to-search-by': [
    /record 5 was changed: the columns/,
    `update org_acts set action = 'x' where org_id = $1 and act = (select act from org_events where seq = 5 and org_id = $1)`,
  ],
  'a-deleted-act': [
    /record 5 was changed: the columns/,
    'delete from org_acts where org_id = $1 and act = (select act from org_events where seq = 5 and org_id = $1)',
  ],
  'a-deleted-record': [/record 3 is missing/, 'delete from org_events where seq = 3 and org_id = $1'],
  'a-deleted-beginning': [
    /records 1 to 2 are missing/,
    'delete from org_events where seq < 3 and org_id = $1',
  ],
  'two-in-another-order': [
    /record 2 was changed[\s\S]*record 3 was changed/,
    'update org_events set seq = 1000 where seq = 2 and org_id = $1',
    'update org_events set seq = 2 where seq = 3 and org_id = $1',
    'update org_events set seq = 3 where seq = 1000 and org_id = $1',
  ],
  'a-cut-tail': [
    /records 7 to \d+ are cut off at the end/,
    'delete from org_events where seq > 6 and org_id = $1',
  ],
  'a-cut-tail-with-its-head': [
    /the head is not signed by this service/,
    'delete from org_events where seq > 6 and org_id = $1',
    `update org_chain_heads h set seq = 6, hash = e.hash from org_events e
     where h.org_id = $1 and e.org_id = $1 and e.seq = 6`,
  ],
  'an-added-record': [
    /record \d+ was changed[\s\S]*not covered by the head/,
    `insert into org_events select org_id, seq + 1, at, actor_type, actor_id, actor_name, 'secret.list', outcome, project, environment,
       secret, resource, ip, user_agent, request_id, hash, prev_hash, list, act from org_events where org_id = $1 order by seq desc limit 1`,
  ],
  'no-head': [/the signed head is gone/, 'delete from org_chain_heads where org_id = $1'],
  'nothing-at-all': [
    /the signed head is gone/,
    'delete from org_events where org_id = $1',
    'delete from org_chain_heads where org_id = $1',
  ],
  'anothers-trail': [
    /record 1 does not begin this chain/,
    'delete from org_events where org_id = $1',
    `insert into org_events select $1, seq, at, actor_type, actor_id, actor_name, action, outcome, project, environment, secret,
       resource, ip, user_agent, request_id, prev_hash, hash, list, act from org_events
     where org_id = (select org_id from org_slugs where slug = 'untouched')`,
  ],
};

describe.each<Login>(['superuser', 'plain owner'])('coffer admin verify-audit, as a %s', (login) => {
  let site: Operated;
  let olivia: Person;
  let found = '';

  beforeAll(async () => {
    site = await Operated.start(login);
    olivia = await site.world.user('olivia');
    for (const org of ['untouched', 'gone', ...Object.keys(TAMPERING)]) {
      await site.world.org(org, olivia);
      const env = await site.world.environment(`${org}/web/prod`, olivia);
      for (const name of ['A', 'B', 'C']) await env.secret(name, `${name} of ${org}`);
    }
    await site.as(olivia).delete('/orgs/gone').expect(204);
  });

  afterAll(() => site.close());

  it('finds nothing wrong with what the service wrote, while it goes on writing', async () => {
    const over = new AbortController();
    const writing = (async () => {
      const client = site.as(olivia);
      for (let count = 0; !over.signal.aborted; count += 1)
        await client.put('/untouched/web/envs/prod/secrets/A/value', { value: String(count) }).expect(200);
    })();
    const { code, stdout } = await site.admin(['verify-audit', '--json']);
    over.abort();
    await writing;
    const trails = Object.keys(TAMPERING).length + 3;
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      { ok: true, trails, records: expect.any(Number), broken: [] },
    ]);
  });

  it('exits with 1 when trails were tampered with, and names no other', async () => {
    for (const [org, [, ...statements]] of Object.entries(TAMPERING)) {
      const { rows } = await site.sql.query<{ id: string }>(
        'select org_id as id from org_slugs where slug = $1',
        [org],
      );
      for (const statement of statements) await site.sql.query(statement, [rows[0]?.id]);
    }
    await site.sql.query(
      `update org_events set action = 'x' where seq = 2 and org_id not in (select org_id from org_slugs)`,
    );
    await site.sql.query(`update user_events set ip = '203.0.113.9' where seq = 1`);
    const { code, stdout, stderr } = await site.admin(['verify-audit']);
    found = stderr;
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).not.toContain('untouched');
  });

  /** What was said of one trail. */
  function findingsOf(trail: RegExp): string {
    return found.split(/\n {2}(?=\S)/).find((part) => trail.test(part)) ?? `nothing, but: ${found}`;
  }

  it.each(Object.entries(TAMPERING))('finds and names %s', (org, [finding]) => {
    expect(findingsOf(new RegExp(`^organisation ${org}:`))).toMatch(finding);
  });

  it('finds what was done to the trail of a deleted organisation, and to a user’s', () => {
    expect(findingsOf(/^organisation \S+ \(deleted\):/)).toMatch(/record 2 was changed/);
    expect(findingsOf(/^user olivia:/)).toMatch(/record 1 was changed/);
  });
});
