import { readFileSync, statSync } from 'node:fs';
import { HARD_VALUES } from '../formats/hard-values.js';
import type { Person } from '../support/world.js';
import { makeRootKey, Operated, type Login } from './support/operated.js';

const CANARY = 'canary-in-the-backup-71c0ee';
const PERSONAL_CANARY = 'canary-of-a-person-0b52af';

/** How the text could stand in a file. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text, 'utf8');
  return [text, bytes.toString('hex'), bytes.toString('base64').slice(0, -4), encodeURIComponent(text)];
}

/** Every row of every table, as PostgreSQL writes them. */
async function contentOf(operated: Operated): Promise<Record<string, string[]>> {
  const { rows } = await operated.sql.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
     and relpersistence = 'p' and relname <> 'migrations' order by 1`,
  );
  const content: Record<string, string[]> = {};
  for (const { name } of rows) {
    const { rows: found } = await operated.sql.query<{ row: string }>(
      `select t::text as row from ${name} t order by 1`,
    );
    content[name] = found.map(({ row }) => row);
  }
  return content;
}

/** What matters of the tables' form: forced policies and triggers. */
async function wallsOf(operated: Operated): Promise<string[]> {
  const { rows } = await operated.sql.query<{ wall: string }>(
    `select relname || relrowsecurity || relforcerowsecurity as wall from pg_class where relnamespace = 'public'::regnamespace
     union all select tgname || tgenabled::text from pg_trigger where not tgisinternal order by 1`,
  );
  return rows.map(({ wall }) => wall);
}

describe.each<Login>(['superuser', 'plain owner'])('coffer admin backup and restore, as a %s', (login) => {
  let site: Operated;
  /** An empty database, which stays that. */
  let untouched: Operated;
  let olivia: Person;
  let pipeline: { token: string };
  let file: string;
  const opened: Operated[] = [];
  const values = Object.values(HARD_VALUES).slice(0, 40);

  beforeAll(async () => {
    site = await Operated.start(login);
    untouched = await Operated.prepare(login, site.settings['COFFER_ROOT_KEY']);
    opened.push(site, untouched);
    const { world } = site;
    olivia = await world.user('olivia');
    for (const org of ['acme', 'gone']) await world.org(org, olivia);
    const env = await world.environment('acme/web/prod', olivia);
    await env.secret('CANARY', CANARY);
    for (const [index, value] of values.entries()) await env.secret(`HARD_${String(index)}`, value);
    await env.secret('EMPTY', '');
    await site
      .as(olivia)
      .post('/api/v2/users/me/secrets', { name: 'mine', value: PERSONAL_CANARY })
      .expect(201);
    pipeline = await world.serviceToken(olivia, 'consumer', 'acme/web');
    // A trail outlives its organisation, and no other table says that there was one.
    await site.as(olivia).delete('/orgs/gone').expect(204);
    file = site.coffer.path('coffer.backup');
    expect(await site.admin(['backup', file])).toMatchObject({ code: 0, stdout: '' });
  });

  afterAll(async () => {
    for (const each of opened) await each.close();
  });

  it('is a file for its owner alone, without any value in it', () => {
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file).toString('latin1');
    for (const form of [...formsOf(CANARY), ...formsOf(PERSONAL_CANARY)]) expect(text).not.toContain(form);
    expect(text).not.toContain(site.settings['COFFER_ROOT_KEY']?.slice(0, 30));
    expect(text).not.toContain(Buffer.from(site.settings['COFFER_ROOT_KEY'] ?? '', 'base64').toString('hex'));
  });

  it('holds every row, trails of deleted organisations too, and comes back as it was', async () => {
    const other = await Operated.prepare(login, site.settings['COFFER_ROOT_KEY']);
    opened.push(other);
    const before = await contentOf(site);
    const walls = await wallsOf(site);
    expect(before['org_events']?.length).toBeGreaterThan(40);
    expect(await other.admin(['restore', file])).toMatchObject({ code: 0, stdout: '' });
    expect(await contentOf(other)).toEqual(before);
    expect(await wallsOf(other)).toEqual(walls);
    await other.serve();
    const { body } = await other.as(pipeline).get('/acme/web/envs/prod/values').expect(200);
    expect(body.values.CANARY).toBe(CANARY);
    expect(body.values.EMPTY).toBe('');
    for (const [index, value] of values.entries()) expect(body.values[`HARD_${String(index)}`]).toBe(value);
    await other.as(olivia).put('/acme/web/envs/prod/secrets/CANARY/value', { value: 'after' }).expect(200);
    expect(await other.admin(['verify-audit'])).toMatchObject({ code: 0 });
  });

  it('refuses a database that is in use, and changes nothing in it', async () => {
    const before = await contentOf(site);
    const { code, stderr } = await site.admin(['restore', file]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('not empty')]);
    expect(await contentOf(site)).toEqual(before);
  });

  it('refuses another root key before it makes a table', async () => {
    const { code, stderr } = await untouched.admin(['restore', file], { COFFER_ROOT_KEY: makeRootKey() });
    expect([code, stderr]).toEqual([78, expect.stringContaining('another root key')]);
    expect(await contentOf(untouched)).toEqual({});
  });

  it.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length - 1), 'damaged'],
    ['cut off in the middle', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1), 'damaged'],
    ['with more behind it', (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0)]), 'damaged'],
    ['with one bit changed', (bytes: Buffer) => flipped(bytes, bytes.length >> 1), 'damaged'],
    ['that is something else', () => Buffer.from('PGDMP and so on'), 'no backup'],
    ['that is empty', () => Buffer.alloc(0), 'no backup'],
    [
      'of a later form',
      (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('BACKUP 1', 'BACKUP 9'), 'latin1'),
      'does not know',
    ],
  ])('refuses a file %s before it touches anything', async (_, change, reason) => {
    const broken = untouched.file('broken.backup', change(readFileSync(file)));
    const { code, stderr } = await untouched.admin(['restore', broken]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(reason)]);
    expect(await contentOf(untouched)).toEqual({});
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
}
