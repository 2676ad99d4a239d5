import { Tally } from './tally.js';

/** More keys than that at a time are not remembered: the database counts each request of theirs. */
export const MOST_TALLIES = 10_000;

/** The tallies of one limit, as long as they are of use. Bounded: however many keys come, those that are here keep what they counted. */
export class Tallies {
  private readonly tallies = new Map<string, Tally>();

  constructor(private readonly points: number) {}

  get size(): number {
    return this.tallies.size;
  }

  find(key: string): Tally | undefined {
    return this.tallies.get(key);
  }

  /** The key's tally, or a new one, which is kept if there is room. */
  of(key: string): Tally {
    const known = this.tallies.get(key);
    if (known !== undefined) return known;
    const tally = new Tally(this.points);
    if (this.tallies.size < MOST_TALLIES) this.tallies.set(key, tally);
    return tally;
  }

  forget(key: string): void {
    this.tallies.delete(key);
  }

  /** Those that have something to settle. The ones that are of no use any more go. */
  ahead(now: number): (readonly [key: string, tally: Tally])[] {
    const ahead: (readonly [string, Tally])[] = [];
    for (const [key, tally] of this.tallies) {
      if (!tally.isOfUse(now)) this.tallies.delete(key);
      else if (tally.ahead !== 0) ahead.push([key, tally]);
    }
    return ahead;
  }
}
