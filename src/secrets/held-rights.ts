import { Logger } from '@nestjs/common';
import type { Standing } from '../access/standing.js';

/** How often a right is looked at. With the time that a look takes, a stream ends within 5 s of the end of its right. */
const LOOK_EVERY_MS = 2_500;

/** A right that nobody could look at for that long is not relied on: nothing is told on it until it was seen again. */
const GOOD_FOR_MS = 5_000;

const LOOKS_AT_ONCE = 4;

type Group<T> = { members: Map<T, Standing>; seenAt: number };

/** One member's hold on its right. */
export type Hold = Readonly<{
  /** Whether the right was seen so lately that it may be relied on. */
  isGood(): boolean;
  letGo(): void;
}>;

/**
 * Rights that must go on holding while somebody listens. Those who hold the same right by the same credential are one group, and one look
 * serves them all, however many they are.
 */
export class HeldRights<T> {
  private readonly logger = new Logger('held-rights');
  private readonly groups = new Map<string, Group<T>>();
  private readonly timer: NodeJS.Timeout;
  private isLooking = false;

  /** `ended` is called for each member whose right has ended; `seen` after each right that could not be relied on for a while. */
  constructor(
    private readonly ended: (member: T) => void,
    private readonly seen: (members: Iterable<T>) => void,
  ) {
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
  }

  /** Begins with a right that was just proven. */
  add(member: T, standing: Standing): Hold {
    const { key } = standing;
    const group = this.groups.get(key) ?? { members: new Map<T, Standing>(), seenAt: Date.now() };
    group.members.set(member, standing);
    this.groups.set(key, group);
    return {
      isGood: () => isGood(group),
      letGo: () => {
        group.members.delete(member);
        if (group.members.size === 0 && this.groups.get(key) === group) this.groups.delete(key);
      },
    };
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    const waiting = [...this.groups.values()].values();
    const lookOn = async (): Promise<void> => {
      for (const group of waiting) await this.lookAt(group);
    };
    await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, lookOn));
    this.isLooking = false;
  }

  private async lookAt(group: Group<T>): Promise<void> {
    const [standing] = group.members.values();
    if (standing === undefined) return;
    try {
      if (await standing.holds()) {
        const wasGood = isGood(group);
        group.seenAt = Date.now();
        if (!wasGood) this.seen(group.members.keys());
      } else {
        for (const member of [...group.members.keys()]) this.ended(member);
      }
    } catch (error) {
      this.logger.warn({ message: 'A right could not be looked at; trying again.', cause: String(error) });
    }
  }
}

function isGood({ seenAt }: { seenAt: number }): boolean {
  return Date.now() - seenAt < GOOD_FOR_MS;
}
