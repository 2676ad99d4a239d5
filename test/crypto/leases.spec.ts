import { Leases } from '../../src/crypto/leases.js';

type Thing = { name: string; destroyed: boolean };

function memory(capacity: number, keepMs = 60_000) {
  const loads: string[] = [];
  const things: Thing[] = [];
  const leases = new Leases<Thing>(capacity, keepMs, (thing) => {
    thing.destroyed = true;
  });
  const load = (name: string) => (): Promise<Thing> => {
    loads.push(name);
    const thing = { name, destroyed: false };
    things.push(thing);
    return Promise.resolve(thing);
  };
  const use = (name: string): Promise<Thing> =>
    leases.with(name, load(name), (thing) => Promise.resolve(thing));
  return { leases, loads, things, load, use };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('leases', () => {
  it('load a thing once for all who ask at the same time', async () => {
    const { loads, use } = memory(10);
    await Promise.all([use('a'), use('a'), use('a')]);
    expect(loads).toEqual(['a']);
  });

  it('keep at most their capacity and destroy the least recently used one', async () => {
    const { things, use } = memory(2);
    await use('a');
    await use('b');
    await use('a');
    await use('c');
    await settled();
    expect(things.map(({ name, destroyed }) => [name, destroyed])).toEqual([
      ['a', false],
      ['b', true],
      ['c', false],
    ]);
  });

  it('never destroy a thing while somebody works with it', async () => {
    const { leases, load, use } = memory(1);
    await leases.with('a', load('a'), async (thing) => {
      await use('b');
      await settled();
      expect(thing.destroyed).toBe(false);
    });
  });

  it('destroy a dropped thing when its last user is done', async () => {
    const { leases, things, load } = memory(1);
    await leases.with('a', load('a'), () => {
      leases.drop('a');
      return Promise.resolve();
    });
    await settled();
    expect(things[0]?.destroyed).toBe(true);
  });

  it('destroy a thing when its time is over', async () => {
    const { things, use } = memory(10, 10);
    await use('a');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(things[0]?.destroyed).toBe(true);
  });

  it('do not remember a failure', async () => {
    const { leases, use } = memory(10);
    const failing = leases.with(
      'a',
      () => Promise.reject(new Error('no')),
      () => Promise.resolve(),
    );
    await expect(failing).rejects.toThrow('no');
    await expect(use('a')).resolves.toMatchObject({ name: 'a' });
  });
});
