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

  it('do the work again with what is there now, when its failure came from what was remembered', async () => {
    const { leases, loads, load, things } = memory(10);
    const work = (thing: Thing): Promise<string> =>
      thing === things[0] ? Promise.reject(new Error('old')) : Promise.resolve('done');
    await expect(leases.with('a', load('a'), work, () => true)).resolves.toBe('done');
    expect(loads).toEqual(['a', 'a']);
    await settled();
    expect(things.map(({ destroyed }) => destroyed)).toEqual([true, false]);
  });

  it('keep what is remembered when a failure has another cause', async () => {
    const { leases, loads, load, use } = memory(10);
    const failing = leases.with(
      'a',
      load('a'),
      () => Promise.reject(new Error('no')),
      () => false,
    );
    await expect(failing).rejects.toThrow('no');
    await use('a');
    expect(loads).toEqual(['a']);
  });

  it('give up on what fails again and again', async () => {
    const { leases, loads, load } = memory(10);
    const failing = leases.with(
      'a',
      load('a'),
      () => Promise.reject(new Error('broken')),
      () => true,
    );
    await expect(failing).rejects.toThrow('broken');
    expect(loads).toEqual(['a', 'a', 'a']);
  });
});
