import { randomBytes } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Client } from '../support/client.js';
import { createDatabase, type TestDatabase } from '../support/postgres.js';
import { ServiceProcess } from '../support/service-process.js';
import { World, type Person } from '../support/world.js';
import { Coffer, until, type Ended } from './support/coffer.js';

const SECRETS = '/acme/web/envs/dev/secrets';

describe('coffer run --watch', () => {
  let database: TestDatabase;
  let service: ServiceProcess;
  let settings: Record<string, string>;
  let owner: Person;
  let coffer: Coffer;
  let token: { id: string; token: string };

  beforeAll(async () => {
    database = await createDatabase();
    const rootKey = randomBytes(32).toString('base64');
    settings = {
      COFFER_DATABASE_URL: database.url,
      COFFER_ROOT_KEY: rootKey,
      COFFER_RATE_LIMIT: 'off',
      COFFER_LOG_LEVEL: 'error',
    };
    service = await ServiceProcess.start(settings);
    const world = new World({ as });
    owner = await world.user('olivia');
    await world.org('acme', owner);
    await world.environment('acme/web/dev', owner);
    token = await world.serviceToken(owner, 'consumer', 'acme/web/dev');
    await as(owner).post(SECRETS, { kind: 'Secret', name: 'TURN' }).expect(201);
    coffer = new Coffer({
      COFFER_SERVER: service.url,
      COFFER_ENV: 'acme/web/dev',
      COFFER_TOKEN: token.token,
    });
  });

  afterAll(async () => {
    coffer.close();
    await service.kill('SIGTERM');
    await database.drop();
  });

  beforeEach(async () => {
    writeFileSync(coffer.path('starts'), '');
    await set('0');
  });

  function as(caller: { token: string } | string | null): Client {
    return new Client(service.url, typeof caller === 'object' && caller !== null ? caller.token : caller);
  }

  async function set(value: string): Promise<void> {
    await as(owner).put(`${SECRETS}/TURN/value`, { value }).expect(200);
  }

  /** Which values the child was started with, and how each run of it ended. */
  function starts(): string {
    return readFileSync(coffer.path('starts'), 'utf8').trim().replaceAll('\n', ' ');
  }

  async function started(what: string): Promise<void> {
    await until(`${what} (there was: ${starts()})`, () => starts() === what);
  }

  const SCRIPT =
    'echo "$TURN" >> starts; trap "echo ended >> starts; exit 0" TERM; trap "exit 7" USR1; while :; do sleep 0.05; done';

  type Watched = Readonly<{ child: ChildProcess; ended: Promise<Ended>; said: () => string }>;

  function watch(script = SCRIPT, flags: readonly string[] = []): Watched {
    const child = coffer.start(['run', '--watch', ...flags, '--', 'sh', '-c', script]);
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    return { child, ended: coffer.output(child), said: () => text };
  }

  it('starts the child again with the new value, once for a burst, and ends with the child’s code', async () => {
    const { child, ended } = watch();
    await started('0');
    await Promise.all(['1', '2', '3'].map(set));
    await set('4');
    await started('0 ended 4');
    child.kill('SIGUSR1');
    expect((await ended).code).toBe(7);
    expect(starts()).toBe('0 ended 4');
  });

  it('does not start it again for what it does not get, nor for a failed read', async () => {
    const { child, ended, said } = watch();
    await started('0');
    await as(owner).put(`${SECRETS}/TURN`, { kind: 'Secret', name: 'TURN', description: 'anew' }).expect(200);
    await as(owner).post(SECRETS, { kind: 'Secret', name: 'HOLLOW' }).expect(201);
    await until('it says that the read failed', () => said().includes('HOLLOW'));
    expect(starts()).toBe('0');
    await as(owner).delete(`${SECRETS}/HOLLOW`).expect(200);
    await set('1');
    await started('0 ended 1');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  });

  it('kills what does not hear TERM, after a while', async () => {
    const { child, ended } = watch(
      'echo "$TURN" >> starts; trap "" TERM; trap "exit 5" USR1; while :; do sleep 0.05; done',
    );
    await started('0');
    await set('1');
    await started('0 1');
    child.kill('SIGUSR1');
    expect((await ended).code).toBe(5);
  });

  it('writes the file of a secret anew', async () => {
    const script =
      'cat "$TURN_FILE" >> starts; echo >> starts; trap "exit 0" TERM; while :; do sleep 0.05; done';
    const { child, ended } = watch(script, ['--file', `TURN=${coffer.path('turn')}`]);
    await started('0');
    await set('1');
    await started('0 1');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
    expect(() => readFileSync(coffer.path('turn'))).toThrow('ENOENT');
  });

  it('goes on through a restart of the service, and hears what was changed meanwhile', async () => {
    const { child, ended, said } = watch();
    await started('0');
    const { port } = new URL(service.url);
    await service.kill('SIGTERM');
    await until('it says that the connection was lost', () => said().includes('lost'));
    service = await ServiceProcess.start({ ...settings, COFFER_LISTEN: `127.0.0.1:${port}` });
    await set('1');
    await started('0 ended 1');
    await set('2');
    await started('0 ended 1 ended 2');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  });

  it('leaves the child alone when its token is revoked, and says so', async () => {
    const { child, ended, said } = watch();
    await started('0');
    await as(owner).delete(`/acme/web/tokens/${token.id}`).expect(204);
    await until('it says that it watches no longer', () => said().includes('no longer watched'));
    await set('1');
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(starts()).toBe('0');
    child.kill('SIGUSR1');
    expect((await ended).code).toBe(7);
  });
});
