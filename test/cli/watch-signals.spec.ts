import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { until, type Coffer, type Ended } from './support/coffer.js';
import { Line } from './support/line.js';
import { Workplace } from './support/service.js';
import { Stranger } from './support/stranger.js';

const SECRETS = '/acme/web/envs/dev/secrets';

describe('coffer run --watch, in bad weather', () => {
  let place: Workplace;
  let coffer: Coffer;
  let line: Line;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    line = await Line.to(place.app.url);
    await place.app.as(place.owner).post(SECRETS, { kind: 'Secret', name: 'TURN' }).expect(201);
  });

  afterAll(async () => {
    await line.close();
    await place.close();
  });

  beforeEach(async () => {
    writeFileSync(coffer.path('told'), '');
    await set('0');
  });

  async function set(value: string): Promise<void> {
    await place.app.as(place.owner).put(`${SECRETS}/TURN/value`, { value }).expect(200);
  }

  const told = (): string => readFileSync(coffer.path('told'), 'utf8').trim().replaceAll('\n', ' ');

  async function tells(what: string): Promise<void> {
    await until(`${what} (there was: ${told()})`, () => told() === what);
  }

  type Watched = Readonly<{ child: ChildProcess; ended: Promise<Ended>; said: () => string }>;

  /** Tells which value it was started with, and what else its traps tell. */
  function watch(traps: string, how: Parameters<Coffer['start']>[1] = {}): Watched {
    const script = `${traps}; echo "$TURN" >> told; while :; do sleep 0.05; done`;
    const child = coffer.start(['run', '--watch', '--no-personal', '--', 'sh', '-c', script], {
      ...how,
      env: { COFFER_SERVER: line.url, ...how.env },
    });
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    return { child, ended: coffer.output(child), said: () => text };
  }

  describe('a signal', () => {
    it('that the program reloads on, or goes on after, does not end the watching', async () => {
      const { child, ended } = watch('trap "echo reloaded >> told" HUP; trap "exit 0" TERM');
      await tells('0');
      child.kill('SIGHUP');
      await tells('0 reloaded');
      await set('1');
      await tells('0 reloaded 1');
      child.kill('SIGHUP');
      await tells('0 reloaded 1 reloaded');
      child.kill('SIGTERM');
      expect((await ended).code).toBe(0);
    });

    it('that the program is just ending of is followed by no new start, whatever changes meanwhile', async () => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        writeFileSync(coffer.path('told'), '');
        await set('0');
        const { child, ended } = watch(`trap "echo ending >> told; sleep 2; exit 6" ${signal.slice(3)}`);
        await tells('0');
        child.kill(signal);
        await tells('0 ending');
        await set('1');
        expect((await ended).code).toBe(6);
        expect(told()).toBe('0 ending');
      }
    });

    it('that comes while the program is stopped for a new start ends all of it', async () => {
      const { child, ended } = watch('trap "echo stopping >> told; sleep 1; exit 6" TERM');
      await tells('0');
      await set('1');
      await tells('0 stopping');
      child.kill('SIGINT');
      expect((await ended).code).toBe(130);
      expect(told()).toBe('0 stopping');
    });

    it('to the whole group reaches the program that was started anew once as well', async () => {
      const traps = 'trap "echo usr >> told" USR1; trap "exit 6" TERM';
      const { child, ended } = watch(traps, { detached: true });
      await tells('0');
      await set('1');
      await tells('0 1');
      process.kill(-(child.pid ?? 0), 'SIGUSR1');
      await tells('0 1 usr');
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(told()).toBe('0 1 usr');
      process.kill(-(child.pid ?? 0), 'SIGTERM');
      expect((await ended).code).toBe(6);
    });
  });

  it('ends with the program’s code when it ends by itself, changed or not', async () => {
    const once = await coffer.run(['run', '--watch', '--', 'sh', '-c', 'exit 23']);
    expect(once.code).toBe(23);
    const { child, ended } = watch('trap "exit 0" TERM; [ "$TURN" = 0 ] || exit 24');
    await tells('0');
    await set('1');
    expect((await ended).code).toBe(24);
    expect(child.exitCode).toBe(24);
  });

  it('catches up after a cut, and tries a dead line with growing pauses, saying so once', async () => {
    const { child, ended, said } = watch('trap "exit 0" TERM');
    await tells('0');
    line.cut();
    await set('1');
    await tells('0 1');
    const before = line.attempts.length;
    // On a busy machine the cut itself may have been slow enough to be told.
    const earlier = said().length;
    line.die();
    await until('three attempts', () => line.attempts.length >= before + 3);
    const times = line.attempts.slice(before, before + 3);
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    await set('2');
    line.live();
    await tells('0 1 2');
    await until('it watches again', () => said().slice(earlier).includes('watching acme/web/dev again'));
    expect(
      said()
        .slice(earlier)
        .match(/connection was lost/g),
    ).toHaveLength(1);
    expect(
      said()
        .slice(earlier)
        .match(/watching acme\/web\/dev again/g),
    ).toHaveLength(1);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  });

  it('goes on with the program when what answers the line is a stranger, or nobody at all', async () => {
    const page = await Stranger.open((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>id: 5\nevent: revision\n\n');
    });
    const { child, ended, said } = watch('trap "exit 0" TERM');
    await tells('0');
    line.turn(page.url);
    await until('it says that this is not Coffer', () => said().includes('not Coffer'));
    line.turn(place.app.url);
    await until('it watches again', () => said().includes('watching acme/web/dev again'));
    expect(told()).toBe('0');
    await set('1');
    await tells('0 1');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
    await page.close();
  });

  it('says in one line that it may watch no longer, and lets the program end by itself', async () => {
    const token = await place.app.world.serviceToken(place.owner, 'consumer', 'acme/web/dev');
    const { child, ended, said } = watch('trap "exit 7" USR1', { env: { COFFER_TOKEN: token.token } });
    await tells('0');
    await place.app.as(place.owner).delete(`/acme/web/tokens/${token.id}`).expect(204);
    await set('1');
    await until('it says so', () => said().includes('no longer watched'));
    await set('2');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(said()).toMatch(/^coffer: acme\/web\/dev is no longer watched[^\n]*\n$/);
    expect(told()).toBe('0');
    child.kill('SIGUSR1');
    expect((await ended).code).toBe(7);
  });
});
