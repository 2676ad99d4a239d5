import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from '../support/client.js';
import { ServiceProcess } from '../support/service-process.js';
import { World } from '../support/world.js';

/** Two seconds for the record, two for the counter of the limits, and a busy machine. */
const LATE_MS = 6_000;
const VALUE = '/acme/web/envs/prod/secrets/A/value';

/** Every process of its server is stopped: nothing is refused, nothing is answered. */
describe('a database that hangs', () => {
  let directory: string;
  let service: ServiceProcess;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'coffer-hanging-'));
    service = await ServiceProcess.start({ COFFER_DATA_DIR: directory, COFFER_LOG_LEVEL: 'error' });
  });

  afterAll(async () => {
    await service.kill('SIGTERM');
    await rm(directory, { recursive: true, force: true });
  });

  const as = (caller: { token: string } | string | null): Client =>
    new Client(service.url, typeof caller === 'object' && caller !== null ? caller.token : caller);

  /** The server of the service's own and its children. */
  async function serverProcesses(): Promise<number[]> {
    const [first = ''] = (await readFile(join(directory, 'postgres/data/postmaster.pid'), 'utf8')).split(
      '\n',
    );
    const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const children = await Promise.all(
      all.map(async (pid) => {
        const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
        return stat.split(') ')[1]?.split(' ')[1] === first ? [Number(pid)] : [];
      }),
    );
    return [Number(first), ...children.flat()];
  }

  it('is told within seconds, ends nothing, and is forgotten as soon as it goes on', async () => {
    const world = new World({ as });
    const owner = await world.user('olivia');
    await world.org('acme', owner);
    await (await world.environment('acme/web/prod', owner)).secret('A', 'canary');
    const pipeline = await world.serviceToken(owner, 'consumer', 'acme/web');
    // Remembered, so that the next ones are answered from memory.
    await as(owner).put(VALUE, { value: 'canary' }).expect(200);
    for (let read = 0; read < 2; read += 1) await as(pipeline).get(VALUE).expect(200);

    const stopped = await serverProcesses();
    expect(stopped.length).toBeGreaterThan(3);
    for (const pid of stopped) process.kill(pid, 'SIGSTOP');
    try {
      const begun = Date.now();
      const answers = await Promise.all([
        ...Array.from({ length: 20 }, () => as(pipeline).get(VALUE)),
        as(owner).put(VALUE, { value: 'second' }),
      ]);
      expect(Date.now() - begun).toBeLessThan(LATE_MS);
      for (const { status, text } of answers) expect([status, text.includes('canary')]).toEqual([503, false]);
    } finally {
      for (const pid of stopped) process.kill(pid, 'SIGCONT');
    }
    const back = Date.now();
    while ((await as(pipeline).get(VALUE)).status !== 200) await pause(100);
    expect(Date.now() - back).toBeLessThan(10_000);
    expect(service.child.exitCode).toBeNull();
  });
});
