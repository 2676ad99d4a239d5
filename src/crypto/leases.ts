/** The first again may meet what somebody else began to load before the change. */
const ATTEMPTS = 3;

/**
 * A bounded memory of things that must be destroyed when they are forgotten, and not while they are in use. Each is loaded once, however
 * many ask for it at the same time, kept until its time is over or a newer one needs its place, and destroyed when its last user is done.
 */
export class Leases<T> {
  private readonly entries = new Map<string, Entry<T>>();

  constructor(
    private readonly capacity: number,
    private readonly keepMs: number,
    private readonly destroy: (thing: T) => void,
  ) {}

  /**
   * Where `isOutdated` says of a failure that it came from what was remembered, that is forgotten and the work is done once more with what
   * is there now. It must have left nothing behind: a transaction that was rolled back has not.
   */
  async with<R>(
    name: string,
    load: () => Promise<T>,
    work: (thing: T) => Promise<R>,
    isOutdated: (failure: unknown, thing: T) => boolean = () => false,
  ): Promise<R> {
    for (let attempt = 1; ; attempt += 1) {
      const entry = this.take(name, load);
      entry.users += 1;
      try {
        const thing = await entry.thing;
        try {
          return await work(thing);
        } catch (failure) {
          if (attempt === ATTEMPTS || !isOutdated(failure, thing)) throw failure;
          if (this.entries.get(name) === entry) this.drop(name);
        }
      } finally {
        entry.users -= 1;
        this.settle(entry);
      }
    }
  }

  get size(): number {
    return this.entries.size;
  }

  drop(name: string): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    this.entries.delete(name);
    clearTimeout(entry.timer);
    entry.dropped = true;
    this.settle(entry);
  }

  dropAll(): void {
    for (const name of [...this.entries.keys()]) this.drop(name);
  }

  private take(name: string, load: () => Promise<T>): Entry<T> {
    const known = this.entries.get(name);
    if (known !== undefined) {
      // A Map remembers the order of insertion: the least recently used stands first.
      this.entries.delete(name);
      this.entries.set(name, known);
      return known;
    }
    const timer = setTimeout(() => {
      this.drop(name);
    }, this.keepMs).unref();
    const entry: Entry<T> = { thing: load(), users: 0, dropped: false, timer };
    this.entries.set(name, entry);
    // What failed to load is not kept: the next one tries anew.
    entry.thing.catch(() => {
      if (this.entries.get(name) === entry) this.drop(name);
    });
    const oldest = this.entries.keys().next();
    if (this.entries.size > this.capacity && oldest.done === false) this.drop(oldest.value);
    return entry;
  }

  private settle(entry: Entry<T>): void {
    if (!entry.dropped || entry.users > 0) return;
    entry.thing.then(this.destroy, () => undefined);
  }
}

type Entry<T> = { thing: Promise<T>; users: number; dropped: boolean; timer: NodeJS.Timeout };
