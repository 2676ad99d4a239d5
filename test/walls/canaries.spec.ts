import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Listener } from '../support/listener.js';
import type { Environment } from '../support/world.js';

/** Values that stand nowhere else in the world, sent through every route and failure. */
const CANARIES = {
  value: 'canary-value-5f2c9b7e',
  second: 'canary-second-0d41aa6c',
  misplaced: 'canary-misplaced-77e1',
  password: 'canary-password-9a1f44',
  oversize: 'canary-oversize-63b0d2',
};

/** How a leaked text could look elsewhere. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text, 'utf8');
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift, 0x20), bytes])
      .toString('base64')
      .slice(Math.ceil((shift * 4) / 3) + 1, -4),
  );
  return [text, bytes.toString('hex'), encodeURIComponent(text), ...base64];
}

describe('canaries', () => {
  let app: TestApp;
  let env: Environment;
  let owner: Client;
  let pipeline: Client;
  const answers: string[] = [];
  const secretsSeen: string[] = [];

  /** Remembers everything that an answer says, headers included. */
  async function say(
    answer: PromiseLike<{ status: number; text: string; headers: object }>,
    isRead = false,
  ): Promise<void> {
    const { status, text, headers } = await answer;
    answers.push(`${String(status)} ${JSON.stringify(headers)} ${isRead ? '' : text}`);
  }

  beforeAll(async () => {
    app = await TestApp.start({ config: { logLevel: 'trace' } });
    const account = { email: 'olivia@example.com', username: 'olivia', password: CANARIES.password };
    const { body: session } = await app.as(null).post('/auth/signup', account).expect(201);
    secretsSeen.push(session.accessToken, session.refreshToken);
    owner = app.as(session.accessToken as string);
    const person = {
      ...account,
      id: session.user.id,
      token: session.accessToken,
      refreshToken: session.refreshToken,
    };
    await app.world.org('acme', person);
    env = await app.world.environment('acme/web/prod', person);
    const token = await app.world.serviceToken(person, 'consumer', 'acme/web/prod');
    const invitation = await app.world.invitation(person, 'viewer', 'acme');
    secretsSeen.push(token.token, invitation.token);
    pipeline = app.as(token);
    await exercise();
  });

  afterAll(() => app.close());

  async function exercise(): Promise<void> {
    const { value, second, misplaced, password, oversize } = CANARIES;
    const path = `${env.path}/secrets`;
    await say(owner.post(path, { kind: 'Secret', name: 'A', description: 'where the orders live' }));
    await say(owner.put(`${path}/A/value`, { value }));
    await say(owner.put(`${path}/A/value`, { value: second }));
    await say(pipeline.get(`${path}/A/value`), true);
    await say(pipeline.get(`${env.path}/values`), true);
    await say(owner.get(`${path}/A`));
    await say(owner.get(path));
    await say(owner.get(`${path}/A/versions`));
    await say(owner.post(`${path}/A/rollback`, { version: 1 }));
    await say(owner.get(`${path}/A/value`));
    await say(owner.put(`${path}/MISSING/value`, { value: misplaced }));
    await say(owner.put(`${path}/A/value`, { value: misplaced, ifVersion: 99 }));
    await say(owner.put(`${path}/A/value`, { value: { nested: misplaced } }));
    await say(owner.put(`${path}/A/value`, { value: `${misplaced}\0` }));
    await say(owner.put(`${path}/A/value`, { value: oversize.repeat(5_000) }));
    await say(owner.post(path, { kind: 'Secret', name: 'B', value: misplaced }));
    await say(
      owner.put(`${path}/A/value`).set('content-type', 'application/json').send(`{"value": "${misplaced}`),
    );
    await say(owner.put(`${path}/A/value`).set('content-type', 'text/plain').send(misplaced));
    await say(pipeline.put(`${path}/A/value`, { value: misplaced }));
    await say(app.as(null).put(`${path}/A/value`, { value: misplaced }));
    await say(app.as(null).post('/auth/login', { login: 'olivia', password: `${password}-wrong` }));
    await say(app.as(null).post('/auth/login', { login: password, password }));
    await say(app.as(null).post('/auth/signup', { email: 'x', username: 'Y', password }));
    await say(app.as(`cofs_${misplaced}`).get('/orgs'));
    await say(owner.put('/auth/password', { current: `${password}-wrong`, new: `${password}-new` }));
    await say(owner.get('/orgs/acme/invitations'));
    const token = secretsSeen.find((one) => one.startsWith('cofi_')) ?? '';
    await say(app.as(token).get('/orgs'));
    await say(owner.post('/auth/invitations/accept', { token: `${token}x` }));
    await say(owner.post('/auth/invitations/accept', { token }));
    await say(owner.post('/auth/invitations/accept', { token }));
    await say(owner.delete(`${path}/A`));
    await say(owner.post(`${path}/A/restore`));
    await exerciseMany();
    // A failure in the middle of a write: the log tells of it, without what was to be written.
    await app.sql.query('alter table secret_versions rename to hidden_versions');
    await say(owner.put(`${path}/A/value`, { value: misplaced }));
    await say(owner.post(`${env.path}/changes`, { changes: [{ op: 'set', name: 'A', value: misplaced }] }));
    await say(owner.post('/acme/web/envs/next/promote', { from: 'prod' }));
    await say(pipeline.get(`${path}/A/value?version=1`));
    await app.sql.query('alter table hidden_versions rename to secret_versions');
  }

  /** Many secrets at once: changed, written as files, compared, promoted, listened to. */
  async function exerciseMany(): Promise<void> {
    const { value, second, misplaced } = CANARIES;
    const change = (step: object, client = owner, key = 'once') =>
      client.post(`${env.path}/changes`, { changes: [step] }).set('idempotency-key', key);
    await say(change({ op: 'set', name: 'A', value }));
    await say(change({ op: 'set', name: 'A', value }));
    await say(change({ op: 'set', name: 'A', value: misplaced }));
    await say(change({ op: 'set', name: 'MISSING', value: misplaced }, owner, 'other'));
    await say(change({ op: 'declare', name: 'B', value: misplaced }, owner, 'other'));
    await say(change({ op: 'set', name: `${misplaced} `, value: 7 }, owner, 'other'));
    await say(change({ op: 'set', name: 'A', value: misplaced }, pipeline, 'other'));
    await say(change({ op: 'set', name: 'A', value: `${second}\r\n${value}` }, owner, 'other'));
    for (const format of ['docker', 'dotenv', 'gitlab-dotenv', 'github-env&name=x', 'k8s&namespace=X']) {
      await say(pipeline.get(`${env.path}/values?format=${format}`));
    }
    await say(pipeline.get(`${env.path}/values?format=shell`), true);
    await say(owner.post('/acme/web/environments', { name: 'next' }));
    await say(owner.post('/acme/web/envs/next/promote', { from: 'prod' }));
    await say(owner.post('/acme/web/envs/next/promote', { from: 'prod', names: ['MISSING'] }));
    await say(owner.get('/acme/web/diff?from=prod&to=next'));
    const listener = await Listener.open(`${app.url}${env.path}/events`, owner.credential ?? '', 0);
    await listener.upTo(1);
    answers.push(listener.text);
    listener.close();
  }

  const found = (haystack: string, needles: readonly string[]) =>
    needles.filter((needle) => haystack.includes(needle));

  it('stand in no answer that is not a read', () => {
    const text = answers.join('\n');
    expect(answers.length).toBeGreaterThan(25);
    expect(found(text, Object.values(CANARIES).flatMap(formsOf))).toEqual([]);
  });

  it('stand in no log line, at the most talkative level', () => {
    const text = app.log.join('\n');
    expect(text).toContain('"level":50');
    expect(found(text, [...Object.values(CANARIES).flatMap(formsOf), ...secretsSeen])).toEqual([]);
  });

  it('stand nowhere in a dump of the database, plain or encoded, and no token does', async () => {
    const { rows } = await app.sql.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public'`,
    );
    let dump = '';
    for (const { name } of rows) {
      const table = await app.sql.query<{ line: string }>(`select t::text as line from ${name} t`);
      dump += table.rows.map(({ line }) => line).join('\n');
    }
    expect(dump).toContain('where the orders live');
    expect(found(dump, [...Object.values(CANARIES).flatMap(formsOf), ...secretsSeen])).toEqual([]);
  });

  it('stand in no file of the audit trail', async () => {
    const { text } = await owner.get('/orgs/acme/audit/export').buffer(true).expect(200);
    expect(text).toContain('secret.value-set');
    expect(found(text, [...Object.values(CANARIES).flatMap(formsOf), ...secretsSeen])).toEqual([]);
  });

  it('would be found by these tests if they were there', () => {
    expect(found(Buffer.from(`  ${CANARIES.value}`).toString('base64'), formsOf(CANARIES.value))).not.toEqual(
      [],
    );
  });
});
