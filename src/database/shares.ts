import { Unavailable } from '../errors/errors.js';

/**
 * How many connections one owner can have at a time: an organisation, a user, or the writers of an environment. The rest of its work waits here
 * and not in the pool: whoever is held up by a lock of their own holds up nobody else.
 */
export class Shares {
  private readonly shares = new Map<string, Share>();

  /** `most` at a time for each owner; who has waited for `patienceMs` is told that the database cannot be reached. */
  constructor(
    private readonly most: number,
    private readonly patienceMs: number,
  ) {}

  async with<T>(owner: string, work: () => Promise<T>): Promise<T> {
    const share = this.shares.get(owner) ?? { taken: 0, waiting: new Set() };
    this.shares.set(owner, share);
    if (share.taken < this.most) share.taken += 1;
    else await this.turn(share);
    try {
      return await work();
    } finally {
      this.leave(owner, share);
    }
  }

  /** Resolves when somebody who leaves hands their place over. */
  private turn(share: Share): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        share.waiting.delete(go);
        reject(new Unavailable('database', 'too much work of the same owner came before it'));
      }, this.patienceMs);
      share.waiting.add(go);
    });
  }

  private leave(owner: string, share: Share): void {
    const [next] = share.waiting;
    if (next !== undefined) {
      share.waiting.delete(next);
      next();
      return;
    }
    share.taken -= 1;
    if (share.taken === 0) this.shares.delete(owner);
  }
}

type Share = { taken: number; readonly waiting: Set<() => void> };
