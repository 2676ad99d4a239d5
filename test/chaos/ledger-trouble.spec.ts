import { setTimeout as pause } from 'node:timers/promises';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';

/** Less than the two seconds after which a read is given up, and a busy machine. */
const UNHARMED_MS = 1_900;

/** One shared transaction writes the records of everybody's reads: what goes wrong with one organisation's must stay its own. */
describe('when the records of one organisation cannot be written', () => {
  let app: TestApp;
  let troubled: Client;
  let neighbour: Client;
  let acme: string;

  beforeAll(async () => {
    app = await TestApp.start();
    const owner = await app.world.user('olivia');
    for (const org of ['acme', 'other']) {
      await app.world.org(org, owner);
      await (await app.world.environment(`${org}/web/prod`, owner)).secret('A', 'canary');
    }
    troubled = app.as(await app.world.serviceToken(owner, 'consumer', 'acme/web'));
    neighbour = app.as(await app.world.serviceToken(owner, 'consumer', 'other/web'));
    const { rows } = await app.sql.query<{ org_id: string }>(
      `select org_id from org_slugs where slug = 'acme'`,
    );
    acme = rows[0]?.org_id ?? '';
  });

  afterAll(() => app.close());

  const read = (client: Client, org: string) => client.get(`/${org}/web/envs/prod/secrets/A/value`);

  async function trouble(body: string): Promise<void> {
    await app.sql.query(`
      create function trouble() returns trigger language plpgsql as $$ begin ${body}; return new; end $$;
      create trigger trouble before insert on org_events for each row when (new.org_id = '${acme}') execute function trouble();`);
  }

  async function noTrouble(): Promise<void> {
    await app.sql.query('drop trigger trouble on org_events; drop function trouble()');
  }

  it.each([
    ['are refused', `raise exception 'no'`],
    ['take for ever', 'perform pg_sleep(6)'],
    ['end the connection', 'perform pg_terminate_backend(pg_backend_pid())'],
  ])('because they %s, it alone gets 503 and no value, and recovers by itself', async (_, body) => {
    for (const [client, org] of [
      [troubled, 'acme'],
      [neighbour, 'other'],
    ] as const)
      await read(client, org).expect(200);
    await trouble(body);
    const slowest = { ms: 0 };
    const harmed: Promise<unknown>[] = [];
    for (let round = 0; round < 8; round += 1) {
      harmed.push(
        read(troubled, 'acme').then(({ status, text }) => {
          expect([status, text.includes('canary')]).toEqual([503, false]);
        }),
      );
      const begun = Date.now();
      await Promise.all(Array.from({ length: 4 }, () => read(neighbour, 'other').expect(200)));
      slowest.ms = Math.max(slowest.ms, Date.now() - begun);
    }
    await Promise.all(harmed);
    expect(slowest.ms).toBeLessThan(UNHARMED_MS);
    await noTrouble();
    // A statement that slept may still hold the chain.
    while ((await read(troubled, 'acme')).status !== 200) await pause(100);
    await expectWholeTrails();
  });

  /** Nothing is missing in either chain, and no read stands there twice. */
  async function expectWholeTrails(): Promise<void> {
    const { rows } = await app.sql.query(
      `select org_id from org_events group by org_id
       having max(seq) <> count(*) or count(*) <> count(distinct request_id || action)`,
    );
    expect(rows).toEqual([]);
  }
});
