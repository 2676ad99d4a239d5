import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { AuditEvent } from '../../src/audit/audit-event.js';
import { hashOf } from '../../src/audit/hash-chain.js';
import { Client } from '../support/client.js';
import { ServiceProcess } from '../support/service-process.js';

const WRITERS = 8;
const ROUNDS = 3;

/** The whole service, embedded database included, killed while it writes. */
describe('kill -9 under write load', () => {
  let dataDir: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'coffer-chaos-'));
  });

  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  const start = () =>
    ServiceProcess.start({
      COFFER_DATA_DIR: dataDir,
      COFFER_LOG_LEVEL: 'error',
      COFFER_VERSIONS_KEPT: '10000',
    });

  it('keeps every acknowledged write, its version and its audit record', async () => {
    let service = await start();
    const client = await prepare(service.url);
    const acknowledged = new Map<string, { version: number; value: string }>();

    for (let round = 0; round < ROUNDS; round += 1) {
      const writing = Array.from({ length: WRITERS }, (_, writer) =>
        write(
          new Client(service.url, client.owner),
          `S${String(writer)}`,
          acknowledged,
          `round ${String(round)}`,
        ),
      );
      // In the middle of it: everybody has been acknowledged once, and nobody knows which write is under way.
      const isOfThisRound = ({ value }: { value: string }): boolean =>
        value.startsWith(`round ${String(round)},`);
      while ([...acknowledged.values()].filter(isOfThisRound).length < WRITERS) await pause(20);
      await pause(Math.random() * 300);
      await service.kill('SIGKILL');
      await Promise.all(writing);
      service = await start();

      const reader = new Client(service.url, client.pipeline);
      for (const [name, { version, value }] of acknowledged) {
        const { body } = await reader
          .get(`/acme/web/envs/default/secrets/${name}/value?version=${String(version)}`)
          .expect(200);
        expect(body).toEqual({ name, value, version });
      }
    }

    expect(acknowledged.size).toBe(WRITERS);
    const { text } = await new Client(service.url, client.owner)
      .get('/orgs/acme/audit/export')
      .buffer(true)
      .expect(200);
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditEvent);
    events.forEach((event, index) => {
      expect(event.seq).toBe(index + 1);
      expect(event.hash).toBe(hashOf(event));
      if (index > 0) expect(event.prevHash).toBe(events[index - 1]?.hash);
    });
    const recorded = new Set(
      events
        .filter(({ action }) => action === 'secret.value-set')
        .map(({ resource }) => `${String(resource.secret)}@${String(resource.version)}`),
    );
    for (const [name, { version }] of acknowledged) expect(recorded).toContain(`${name}@${String(version)}`);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

async function prepare(url: string): Promise<{ owner: string; pipeline: string }> {
  const account = {
    email: 'olivia@example.com',
    username: 'olivia',
    password: 'correct horse battery staple',
  };
  const { body: session } = await new Client(url, null).post('/auth/signup', account).expect(201);
  const owner = new Client(url, session.accessToken);
  await owner.post('/orgs', { slug: 'acme' }).expect(201);
  await owner.post('/orgs/acme/projects', { slug: 'web' }).expect(201);
  for (let writer = 0; writer < WRITERS; writer += 1) {
    await owner
      .post('/acme/web/envs/default/secrets', { kind: 'Secret', name: `S${String(writer)}` })
      .expect(201);
  }
  const { body: token } = await owner.post('/acme/web/tokens', { name: 'ci', role: 'consumer' }).expect(201);
  return { owner: session.accessToken, pipeline: token.token };
}

/** Sets one secret again and again until the service is gone, noting what was acknowledged. */
async function write(
  client: Client,
  name: string,
  acknowledged: Map<string, { version: number; value: string }>,
  label: string,
): Promise<void> {
  for (let count = 0; ; count += 1) {
    const value = `${label}, ${name}, ${String(count)}`;
    try {
      const { status, body } = await client.put(`/acme/web/envs/default/secrets/${name}/value`, { value });
      if (status === 200) acknowledged.set(name, { version: body.version, value });
    } catch {
      return;
    }
  }
}
