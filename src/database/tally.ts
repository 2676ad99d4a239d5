/** From that part of a limit on, the database counts each one. */
const NEAR = 0.75;
/** That part of it one process may count by itself before the database knows. */
const AHEAD = 0.1;
/** What the database said longer ago is not relied on. */
export const FRESH_MS = 1_500;

/**
 * How the window of one key stands, as this process knows it: what the database said last, of all processes together, and what was counted
 * here and is not settled with it. Pure: times are given, in milliseconds.
 */
export class Tally {
  private used = 0;
  private until = 0;
  private toldAt = -Infinity;
  private unsettled = 0;

  constructor(private readonly points: number) {}

  /** Not known to be in the database. Below zero when more was given back. */
  get ahead(): number {
    return this.unsettled;
  }

  /** Whether it is time to settle, so that counting can go on. */
  get isPressing(): boolean {
    return this.unsettled * 2 >= this.points * AHEAD;
  }

  /** Over the limit, with what is not settled. */
  get isOver(): boolean {
    return this.used + this.unsettled > this.points;
  }

  /** Counts one, if the limit is so far away that nobody needs to be asked. */
  count(now: number): boolean {
    if (!this.isFar(now) || this.unsettled >= this.points * AHEAD) return false;
    this.unsettled += 1;
    return true;
  }

  giveBack(now: number): boolean {
    if (!this.isFar(now)) return false;
    this.unsettled -= 1;
    return true;
  }

  /** The database has counted one. What was counted in a window that is over is not for the next one. */
  told(used: number, until: number, now: number): void {
    if (this.until <= now) this.unsettled = 0;
    this.used = used;
    this.until = until;
    this.toldAt = now;
  }

  /** So many of those that were counted here are in what the database says now. */
  settled(count: number, used: number, until: number, now: number): void {
    this.unsettled -= count;
    this.told(used, until, now);
  }

  /** Nobody knows whether it was settled: it will be tried again, and until the database has spoken nothing is relied on. */
  doubt(): void {
    this.toldAt = -Infinity;
  }

  /** The window has ended, or the database has forgotten it. */
  end(): void {
    this.doubt();
    this.unsettled = 0;
  }

  /** Whether anything would be lost without it. */
  isOfUse(now: number): boolean {
    return now < this.until && (this.unsettled !== 0 || this.isFresh(now));
  }

  private isFar(now: number): boolean {
    return now < this.until && this.isFresh(now) && this.used + this.unsettled < this.points * NEAR;
  }

  private isFresh(now: number): boolean {
    return now - this.toldAt < FRESH_MS;
  }
}
