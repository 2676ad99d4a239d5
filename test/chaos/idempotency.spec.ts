import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../support/client.js';
import { ServiceProcess } from '../support/service-process.js';

const WRITERS = 8;
const ROUNDS = 3;
const CHANGES = '/acme/web/envs/default/changes';

/** A writer who sends each request until it is answered, as a pipeline does that knows nothing of what became of it. */
type Writer = {
  readonly name: string;
  readonly answers: Map<string, string>;
  unanswered: string | null;
  count: number;
};

/** The whole service, embedded database included, killed between commits and answers. */
describe('kill -9 and requests that are sent again', () => {
  let dataDir: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'coffer-chaos-'));
  });

  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  const start = () => ServiceProcess.start({ COFFER_DATA_DIR: dataDir, COFFER_LOG_LEVEL: 'error' });

  it('makes each change once, whenever its answer was lost', async () => {
    let service = await start();
    const account = {
      email: 'olivia@example.com',
      username: 'olivia',
      password: 'correct horse battery staple',
    };
    const { body: session } = await new Client(service.url, null).post('/auth/signup', account).expect(201);
    const token: string = session.accessToken;
    const owner = () => new Client(service.url, token);
    const writers = Array.from({ length: WRITERS }, (_, index): Writer => {
      return { name: `S${String(index)}`, answers: new Map(), unanswered: null, count: 0 };
    });
    await owner().post('/orgs', { slug: 'acme' }).expect(201);
    await owner().post('/orgs/acme/projects', { slug: 'web' }).expect(201);
    await owner()
      .post(CHANGES, { changes: writers.map(({ name }) => ({ op: 'declare', name })) })
      .expect(200);

    let repeated = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const writing = writers.map((writer) => writeUntilKilled(owner(), writer));
      await new Promise((resolve) => setTimeout(resolve, 500 + round * 130));
      await service.kill('SIGKILL');
      await Promise.all(writing);
      service = await start();
      for (const writer of writers) {
        if (writer.unanswered === null) continue;
        repeated += 1;
        await send(owner(), writer, writer.unanswered);
      }
    }

    expect(repeated).toBeGreaterThan(0);
    for (const { name, answers } of writers) {
      const { body } = await owner().get(`/acme/web/envs/default/secrets/${name}`).expect(200);
      expect([name, body.version]).toEqual([name, answers.size]);
    }
    // No two requests came to the same revision, and the revisions are all there is.
    const revisions = writers.flatMap(({ answers }) =>
      [...answers.values()].map((text) => JSON.parse(text).revision),
    );
    expect(new Set(revisions).size).toBe(revisions.length);
    const { body } = await owner().get('/acme/web/envs/default/readiness').expect(200);
    expect(body.revision).toBe(1 + revisions.length);
    await service.kill('SIGTERM');
  });
});

async function writeUntilKilled(client: Client, writer: Writer): Promise<void> {
  for (;;) {
    writer.count += 1;
    writer.unanswered = `${writer.name}-${String(writer.count)}`;
    try {
      if (!(await send(client, writer, writer.unanswered))) return;
    } catch {
      return;
    }
  }
}

/** Sends the request of that key; true when it was answered as done. */
async function send(client: Client, writer: Writer, key: string): Promise<boolean> {
  const changes = [{ op: 'set', name: writer.name, value: key }];
  const { status, text } = await client.post(CHANGES, { changes }).set('idempotency-key', key);
  if (status !== 200) return false;
  writer.answers.set(key, text);
  writer.unanswered = null;
  return true;
}
