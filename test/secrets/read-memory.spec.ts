import { randomBytes, randomUUID } from 'node:crypto';
import { EventList } from '../../src/audit/event-list.js';
import { MOST_BYTES, ReadMemory } from '../../src/secrets/read-memory.js';

describe('the memory of reads', () => {
  it('stays within its bound when 100,000 environments are touched, and forgets what was not used for longest', () => {
    const memory = new ReadMemory();
    const ids = Array.from({ length: 100_000 }, () => randomUUID());
    const content = Buffer.alloc(2_048, 'x');
    for (const id of ids) {
      memory.keep(id, 'values', '1', content, {
        number: 1,
        list: new EventList([{ secret: 'A', version: 1 }]),
      });
      expect(memory.bytes).toBeLessThanOrEqual(MOST_BYTES);
    }
    expect(memory.find(ids[0] ?? '', 'values')).toBeUndefined();
    expect(memory.find(ids.at(-1) ?? '', 'values')?.content()).toEqual(content);
  });

  it('does not keep what is larger than all of it', () => {
    const memory = new ReadMemory();
    const id = randomUUID();
    const state = memory.keep(id, 'values', '1', randomBytes(MOST_BYTES), { number: 1 });
    expect(state.content()).toHaveLength(MOST_BYTES);
    expect([memory.find(id, 'values'), memory.bytes]).toEqual([undefined, 0]);
  });

  it('gives back what was read with the stamp that it had, and reads of one environment do not meet', () => {
    const memory = new ReadMemory();
    const id = randomUUID();
    memory.keep(id, 'value/A', '7', Buffer.from('a'), { number: 3 });
    memory.keep(id, 'value/B', '8', Buffer.from('b'), { number: 4 });
    const found = memory.find(id, 'value/A');
    expect([found?.number, found?.content().toString()]).toEqual([3, 'a']);
    expect(found?.basis).toEqual({ stamps: [{ subject: id, stamp: '7' }], until: Infinity });
    expect(memory.find(id, 'value/C')).toBeUndefined();
    expect(memory.find(randomUUID(), 'value/A')).toBeUndefined();
  });

  it('holds no value that could be found in a dump of the process', () => {
    const memory = new ReadMemory();
    const id = randomUUID();
    memory.keep(id, 'value/A', '1', Buffer.from('canary-in-memory'), { number: 1 });
    const { sealed } = memory.find(id, 'value/A') as unknown as { sealed: Buffer };
    expect(sealed.includes('canary')).toBe(false);
  });
});
