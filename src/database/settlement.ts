import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Database } from './database.js';
import type { Tallies } from './tallies.js';
import { prepared, rows } from './transaction.js';

export const SETTLE_MS = 500;
/** How long the end of the service may wait for the last one. */
const END_MS = 1_000;

/**
 * Only windows that are not over: what was counted in one is added to no other. The rows are locked in one order, so that processes that
 * settle at the same time do not wait for each other in a circle.
 */
const ADD = prepared(`
  with counted as (
    select r.key, c.points from rate_limits r join unnest($1::text[], $2::integer[]) as c (key, points) on c.key = r.key
    where r.expire > $3::bigint order by r.key for update of r)
  update rate_limits r set points = r.points + c.points from counted c where r.key = c.key
  returning r.key, r.points, r.expire`);

type Added = Readonly<{ key: string; points: number; expire: string }>;

/** Adds what was counted here to the database, and learns what all processes have counted: one statement for all keys, one at a time. */
export class Settlement {
  private readonly logger = new Logger('limits');
  private timer: NodeJS.Timeout | undefined;
  private flight: Promise<void> | null = null;
  /** Somebody asked for one while another was on its way. */
  private isAwaited = false;
  private isTroubled = false;

  constructor(
    private readonly name: string,
    private readonly tallies: Tallies,
    private readonly database: Database,
  ) {}

  /** Within half a second. */
  soon(): void {
    if (this.flight === null) this.timer ??= setTimeout(() => void this.now(), SETTLE_MS).unref();
  }

  /** Resolves when everything that was counted by now has been tried. Never throws. */
  now(): Promise<void> {
    this.isAwaited = true;
    this.flight ??= this.fly();
    return this.flight;
  }

  async end(): Promise<void> {
    await Promise.race([this.now(), pause(END_MS, undefined, { ref: false })]);
    clearTimeout(this.timer);
  }

  private async fly(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    while (this.isAwaited) {
      this.isAwaited = false;
      await this.settle();
    }
    this.flight = null;
    if (this.tallies.size > 0) this.soon();
  }

  private async settle(): Promise<void> {
    const now = Date.now();
    const sent = this.tallies.ahead(now).map(([key, tally]) => ({ key, tally, count: tally.ahead }));
    if (sent.length === 0) return;
    const parameters = [sent.map(({ key }) => `${this.name}:${key}`), sent.map(({ count }) => count), now];
    try {
      const added = await this.database.shared((tx) => rows<Added>(tx, ADD, parameters));
      const found = new Map(added.map((row) => [row.key, row]));
      for (const { key, tally, count } of sent) {
        const row = found.get(`${this.name}:${key}`);
        if (row === undefined) tally.end();
        else tally.settled(count, row.points, Number(row.expire), Date.now());
      }
      this.isTroubled = false;
    } catch (error) {
      for (const { tally } of sent) tally.doubt();
      if (!this.isTroubled)
        this.logger.warn({ message: 'Limits could not be settled; trying again.', cause: String(error) });
      this.isTroubled = true;
    }
  }
}
