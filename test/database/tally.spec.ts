import { MOST_TALLIES, Tallies } from '../../src/database/tallies.js';
import { FRESH_MS, Tally } from '../../src/database/tally.js';

const POINTS = 1_000;
const NOW = 1_000_000;
const END = NOW + 60_000;

/** As if the database had just said that so many were counted. */
function told(used: number): Tally {
  const tally = new Tally(POINTS);
  tally.told(used, END, NOW);
  return tally;
}

function countAll(tally: Tally, now = NOW): number {
  let count = 0;
  while (tally.count(now)) count += 1;
  return count;
}

describe('a tally', () => {
  it('counts a tenth of the limit before it must be settled, and asks for that at half of it', () => {
    const tally = told(1);
    for (let count = 1; count <= 100; count += 1) {
      expect(tally.count(NOW)).toBe(true);
      expect([tally.ahead, tally.isPressing]).toEqual([count, count >= 50]);
    }
    expect(tally.count(NOW)).toBe(false);
    tally.settled(60, 61, END, NOW);
    expect([tally.ahead, tally.isPressing]).toEqual([40, false]);
    expect(countAll(tally)).toBe(60);
  });

  it('counts nothing from three quarters of the limit on, its own among them', () => {
    expect(countAll(told(740))).toBe(10);
    expect(countAll(told(750))).toBe(0);
    const tally = told(1);
    expect(countAll(tally)).toBe(100);
    tally.settled(100, 749, END, NOW);
    expect(countAll(tally)).toBe(1);
  });

  it('counts nothing before the database has spoken, nor on what it said too long ago, nor in doubt, nor when the window is over', () => {
    expect(countAll(new Tally(POINTS))).toBe(0);
    expect(countAll(told(1), NOW + FRESH_MS - 1)).toBe(100);
    expect(countAll(told(1), NOW + FRESH_MS)).toBe(0);
    const doubtful = told(1);
    doubtful.doubt();
    expect(countAll(doubtful)).toBe(0);
    const last = new Tally(POINTS);
    last.told(1, NOW + 10, NOW);
    expect([countAll(last, NOW + 10), countAll(last, NOW + 9)]).toEqual([0, 100]);
  });

  it('keeps what was counted while nobody knows whether it was settled', () => {
    const tally = told(1);
    expect(countAll(tally)).toBe(100);
    tally.doubt();
    expect([tally.ahead, tally.isOfUse(NOW + 59_000), tally.isOfUse(END)]).toEqual([100, true, false]);
    tally.told(950, END, NOW);
    expect(tally.isOver).toBe(true);
  });

  it('begins with nothing in a new window', () => {
    const tally = told(1);
    expect(countAll(tally)).toBe(100);
    tally.told(1, END + 60_000, END);
    expect([tally.ahead, tally.isOver, countAll(tally, END)]).toEqual([0, false, 100]);
  });

  it('takes back what it counted, and also what was settled meanwhile; near the limit it does not', () => {
    const tally = told(1);
    expect([tally.count(NOW), tally.giveBack(NOW), tally.ahead]).toEqual([true, true, 0]);
    expect([tally.giveBack(NOW), tally.ahead]).toEqual([true, -1]);
    expect(told(750).giveBack(NOW)).toBe(false);
  });
});

describe('the tallies of a limit', () => {
  it('are bounded, however many keys come, and those that are there lose nothing', () => {
    const tallies = new Tallies(POINTS);
    for (let key = 0; key < 1_000_000; key += 1) {
      const tally = tallies.of(String(key));
      tally.told(1, END, NOW);
      tally.count(NOW);
    }
    expect(tallies.size).toBe(MOST_TALLIES);
    expect(tallies.ahead(NOW)).toHaveLength(MOST_TALLIES);
    expect(tallies.find('0')?.ahead).toBe(1);
  });

  it('go when they are of no use: settled and old, or their window over', () => {
    const tallies = new Tallies(POINTS);
    for (const key of ['settled', 'unsettled']) tallies.of(key).told(1, END, NOW);
    tallies.find('unsettled')?.count(NOW);
    expect(tallies.ahead(NOW + FRESH_MS).map(([key]) => key)).toEqual(['unsettled']);
    expect(tallies.size).toBe(1);
    expect(tallies.ahead(END)).toEqual([]);
    expect(tallies.size).toBe(0);
  });
});
