import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import type { Environment, Person } from '../support/world.js';

describe('GET /{o}/{p}/diff', () => {
  let app: TestApp;
  let owner: Person;
  let asOwner: Client;
  let staging: Environment;
  let prod: Environment;
  let names: { staging: string; prod: string };
  let counter = 0;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    asOwner = app.as(owner);
  });

  beforeEach(async () => {
    counter += 1;
    names = { staging: `staging${String(counter)}`, prod: `prod${String(counter)}` };
    staging = await app.world.environment(`acme/web/${names.staging}`, owner);
    prod = await app.world.environment(`acme/web/${names.prod}`, owner);
  });

  afterAll(() => app.close());

  const diff = (as: Client = asOwner, from = names.staging, to = names.prod) =>
    as.get(`/acme/web/diff?from=${from}&to=${to}`);
  const set = (env: Environment, name: string, value: string) =>
    asOwner.put(`${env.secretPath(name)}/value`, { value }).expect(200);

  it('200: tells each of the seven states, by name', async () => {
    await staging.secret('SAME', 'canary-same');
    await prod.secret('SAME', 'canary-same');
    await staging.secret('DIFFERENT', 'canary-one');
    await prod.secret('DIFFERENT', 'canary-two');
    await staging.secret('ONLY_FROM', 'canary');
    await prod.secret('ONLY_TO');
    await staging.secret('NONE_IN_FROM');
    await prod.secret('NONE_IN_FROM', 'canary');
    await staging.secret('NONE_IN_TO', 'canary');
    await prod.secret('NONE_IN_TO');
    await staging.secret('NONE');
    await prod.secret('NONE');
    const { body, text } = await diff().expect(200);
    expect(body).toEqual([
      { name: 'DIFFERENT', state: 'different' },
      { name: 'NONE', state: 'no-value' },
      { name: 'NONE_IN_FROM', state: 'no-value-in-from' },
      { name: 'NONE_IN_TO', state: 'no-value-in-to' },
      { name: 'ONLY_FROM', state: 'only-in-from' },
      { name: 'ONLY_TO', state: 'only-in-to' },
      { name: 'SAME', state: 'same' },
    ]);
    expect(text).not.toContain('canary');
  });

  it('200: follows the present value, and an empty one is a value', async () => {
    await staging.secret('A', '');
    await prod.secret('A', 'x');
    expect((await diff().expect(200)).body).toEqual([{ name: 'A', state: 'different' }]);
    await set(prod, 'A', '');
    expect((await diff().expect(200)).body).toEqual([{ name: 'A', state: 'same' }]);
    await set(staging, 'A', 'y');
    expect((await diff().expect(200)).body).toEqual([{ name: 'A', state: 'different' }]);
    await asOwner.post(`${staging.secretPath('A')}/rollback`, { version: 1 }).expect(200);
    expect((await diff().expect(200)).body).toEqual([{ name: 'A', state: 'same' }]);
  });

  it('200: what is deleted is not there', async () => {
    await staging.secret('A', 'x');
    await prod.secret('A', 'x');
    await asOwner.delete(prod.secretPath('A')).expect(200);
    expect((await diff().expect(200)).body).toEqual([{ name: 'A', state: 'only-in-from' }]);
  });

  it('200: works for whoever can read names in both, and shows no fingerprint to anybody', async () => {
    await staging.secret('A', 'x');
    await prod.secret('A', 'x');
    const viewer = app.as(await app.world.serviceToken(owner, 'viewer', 'acme/web'));
    const { body, headers } = await diff(viewer).expect(200);
    expect(body).toEqual([{ name: 'A', state: 'same' }]);
    expect(Object.keys(body[0])).toEqual(['name', 'state']);
    const event = (await app.events('acme')).at(-1);
    expect(event).toMatchObject({
      action: 'values.diff',
      outcome: 'allowed',
      resource: { project: 'web', from: names.staging, to: names.prod },
      request_id: headers['x-request-id'],
    });
  });

  it('tells two equal values apart in the dump: fingerprints are of one project alone', async () => {
    await staging.secret('A', 'equal');
    const elsewhere = await app.world.environment(`acme/other/e${String(counter)}`, owner);
    await elsewhere.secret('A', 'equal');
    await prod.secret('A', 'equal');
    const { rows } = await app.sql.query<{ count: number }>(
      `select count(distinct fingerprint)::integer as count from secret_versions v join secrets s on s.id = v.secret_id
       where s.changed_at_revision = 2 and s.environment_id in (select id from environments where name like '%' || $1)`,
      [String(counter)],
    );
    expect(rows).toEqual([{ count: 2 }]);
  });

  it.each(['', '?from=a', '?to=a', '?from=&to=a', '?from=a&to=b&x=1', '?from=a&from=b&to=c'])(
    '400: refuses %j',
    async (query) => {
      const { body } = await asOwner.get(`/acme/web/diff${query}`).expect(400);
      expect(body.code).toBe('invalid_request');
    },
  );

  it('403: without the permission in one of two environments that are both seen, and on record', async () => {
    await app.sql.query(
      `insert into roles select org_id, 'manager', '{tokens:manage}', now() from org_slugs where slug = 'acme' on conflict do nothing`,
    );
    const person = await app.world.user(`half${String(counter)}`);
    await app.world.grant(owner, person, 'viewer', `acme/web/${names.staging}`);
    await app.world.grant(owner, person, 'manager', `acme/web/${names.prod}`);
    for (const [from, to] of [
      [names.staging, names.prod],
      [names.prod, names.staging],
    ]) {
      const { body } = await diff(app.as(person), from, to).expect(403);
      expect(body).toMatchObject({ code: 'forbidden', details: [{ permission: 'secrets:read' }] });
      expect((await app.events('acme')).at(-1)).toMatchObject({
        action: 'values.diff',
        outcome: 'denied',
        resource: { from, to, permission: 'secrets:read' },
      });
    }
    await diff(app.as(person), names.staging, names.staging).expect(200);
  });

  it('403: for whoever may read names nowhere in the project', async () => {
    await app.sql.query(
      `insert into roles select org_id, 'manager', '{tokens:manage}', now() from org_slugs where slug = 'acme' on conflict do nothing`,
    );
    const token = await app.world.serviceToken(owner, 'manager', 'acme/web');
    await diff(app.as(token)).expect(403);
    await app.as(token).get('/acme/web/diff').expect(403);
  });

  it('404: an environment that is not seen looks like one that does not exist', async () => {
    const token = app.as(await app.world.serviceToken(owner, 'viewer', `acme/web/${names.staging}`));
    const absent = await diff(token, names.staging, 'no-such-env').expect(404);
    for (const [from, to] of [
      [names.staging, names.prod],
      [names.prod, names.staging],
      [names.staging, 'Not%20a%20name'],
      [names.staging, `${names.staging}%2F..`],
    ]) {
      expect((await diff(token, from, to).expect(404)).text).toBe(absent.text);
    }
    const stranger = app.as(await app.world.user(`stranger${String(counter)}`));
    expect((await diff(stranger).expect(404)).text).toBe(absent.text);
  });

  it('404: an environment of another project is not found by its name', async () => {
    await app.world.environment(`acme/other/only${String(counter)}`, owner);
    await diff(asOwner, names.staging, `only${String(counter)}`).expect(404);
  });
});
