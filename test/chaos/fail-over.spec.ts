import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Coffer } from '../cli/support/coffer.js';
import { Client } from '../support/client.js';
import { Listener } from '../support/listener.js';
import { Replicated } from '../support/replicated.js';
import { ServiceProcess } from '../support/service-process.js';
import { World, type Environment, type Made, type Person } from '../support/world.js';

/** What is promised, and a busy machine. */
const BACK_WITHIN_MS = 10_000 + 5_000;

/** The service on two PostgreSQL servers, as its URL names them, of which the first is lost. */
describe('a primary that is lost', () => {
  let servers: Replicated;
  let settings: Record<string, string>;
  let service: ServiceProcess;
  let owner: Person;
  let env: Environment;
  let pipeline: Made;
  let listener: Listener;

  beforeEach(async () => {
    servers = await Replicated.start();
    settings = {
      COFFER_DATABASE_URL: servers.url(),
      COFFER_ROOT_KEY: randomBytes(32).toString('base64'),
      COFFER_LOG_LEVEL: 'error',
      COFFER_RATE_LIMIT: 'off',
    };
    service = await ServiceProcess.start(settings);
    const world = new World({ as });
    owner = await world.user('olivia');
    await world.org('acme', owner);
    env = await world.environment('acme/web/prod', owner);
    await env.secret('A', 'canary');
    pipeline = await world.serviceToken(owner, 'consumer', 'acme/web');
    listener = await Listener.open(`${service.url}${env.path}/events`, owner.token);
  });

  afterEach(async () => {
    listener.close();
    await service.kill('SIGTERM');
    await servers.stop();
  });

  const as = (caller: { token: string } | string | null): Client =>
    new Client(service.url, typeof caller === 'object' && caller !== null ? caller.token : caller);
  const read = () => as(pipeline).get(`${env.secretPath('A')}/value`);
  const set = (value: string) => as(owner).put(`${env.secretPath('A')}/value`, { value });

  /** Sets one value after the other until `isOver`; every answer is one that may be given. Returns the last value that was acknowledged. */
  async function write(isOver: () => boolean): Promise<{ version: number; value: string }> {
    let acknowledged = { version: 1, value: 'canary' };
    for (let count = 0; !isOver(); count += 1) {
      const value = `canary ${String(count)}`;
      const { status, body } = await set(value);
      expect([200, 503]).toContain(status);
      if (status === 200) acknowledged = { version: body.version, value };
    }
    return acknowledged;
  }

  async function isBack(): Promise<void> {
    const promoted = Date.now();
    for (;;) {
      const { status, text } = await read();
      if (status === 200) break;
      expect([status, text.includes('canary')]).toEqual([503, false]);
      await pause(50);
    }
    for (let status = 0; status !== 200; { status } = await set('canary after'));
    expect(Date.now() - promoted).toBeLessThan(BACK_WITHIN_MS);
  }

  async function isHeard(): Promise<void> {
    const { body } = await set('canary heard').expect(200);
    // Declaring the secret was a revision as well.
    await listener.upTo(Number(body.version) + 1);
  }

  async function proven(): Promise<void> {
    const coffer = new Coffer(settings);
    try {
      const { code, stdout, stderr } = await coffer.run(['admin', 'verify-audit']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('are as they were written');
    } finally {
      coffer.close();
    }
  }

  it('is told as 503, and the service goes on with the other one, with every acknowledged write and all who listen', async () => {
    let isOver = false;
    const writing = write(() => isOver);
    for (let reads = 0; reads < 20; reads += 1) await read().expect(200);
    await servers.one.kill();
    const { body } = await read().expect(503);
    expect(body).toMatchObject({ code: 'unavailable' });
    isOver = true;
    const { version, value } = await writing;
    expect(version).toBeGreaterThan(1);

    // A standby is reached and not worked with: nothing could be put on record there.
    await read().expect(503);
    await servers.two.promote();
    await isBack();
    const { body: kept } = await as(pipeline)
      .get(`${env.secretPath('A')}/value?version=${String(version)}`)
      .expect(200);
    expect(kept).toEqual({ name: 'A', value, version });
    await isHeard();
    await proven();

    // The old one comes back as a standby, and is first in the list.
    await servers.one.follow(servers.two);
    for (let round = 0; round < 10; round += 1) await set(`canary of round ${String(round)}`).expect(200);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    service = await ServiceProcess.start(settings);
    await set('canary of the next process').expect(200);
    await proven();
  }, 180_000);

  it('is left as soon as another one has taken over, even when it hangs instead', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, count) => set(`canary ${String(count)}`)));
    await servers.one.freeze();
    expect((await read()).status).toBe(503);
    await servers.two.promote();
    await isBack();
    await isHeard();
    await proven();
  }, 180_000);

  it('is told as 503 when it takes no writes any more, and is used again when it does', async () => {
    for (const [closed, status] of [
      ['on', 503],
      ['off', 200],
      ['on', 503],
    ] as const) {
      await servers.one.query(`alter system set default_transaction_read_only = ${closed}`);
      await servers.one.query('select pg_reload_conf()');
      const deadline = Date.now() + BACK_WITHIN_MS;
      let answer = await set('canary');
      while (answer.status !== status && Date.now() < deadline) answer = await set('canary');
      expect([answer.status, answer.body.code]).toEqual([status, status === 200 ? undefined : 'unavailable']);
      expect((await read()).status).toBe(status);
    }
  }, 120_000);
});
