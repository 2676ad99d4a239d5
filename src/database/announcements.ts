import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Unavailable, Unexpected } from '../errors/errors.js';
import { ListeningLine } from './listening-line.js';
import { Primary } from './primary.js';
import type { PrimaryClientConfig } from './primary-client.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/**
 * The words that go out when an environment's revision grows, heard over one connection of this node, whoever made the change on whichever
 * node. The connection is opened when somebody first listens, and made anew when it is lost; whatever was said meanwhile is made up for by
 * calling everybody once. So `heard` means "look again": it may come without a change, and never fails to come after one.
 */
@Injectable()
export class Announcements implements OnApplicationShutdown {
  private readonly logger = new Logger('announcements');
  private readonly hearers = new Map<string, Set<() => void>>();
  private line: ListeningLine | null = null;
  private opening: Promise<ListeningLine> | null = null;
  private isReturning = false;
  private hasEnded = false;

  constructor(private readonly dataSource: DataSource) {}

  /** When this resolves, every change that commits from then on will be heard. Returns what ends the listening. */
  async watch(environmentId: string, heard: () => void): Promise<() => void> {
    const others = this.hearers.get(environmentId) ?? new Set();
    this.hearers.set(environmentId, others.add(heard));
    try {
      const line = this.line ?? (await this.open());
      await line.hold(environmentId);
    } catch (error) {
      this.forget(environmentId, heard);
      throw new Unavailable('database', error);
    }
    return () => {
      this.forget(environmentId, heard);
    };
  }

  onApplicationShutdown(): void {
    this.hasEnded = true;
    this.line?.close();
  }

  private forget(environmentId: string, heard: () => void): void {
    const others = this.hearers.get(environmentId);
    others?.delete(heard);
    if (others?.size !== 0) return;
    this.hearers.delete(environmentId);
    this.line?.letGo(environmentId);
  }

  private open(): Promise<ListeningLine> {
    this.opening ??= this.openLine().finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  private async openLine(): Promise<ListeningLine> {
    const line = new ListeningLine(clientConfig(this.dataSource), (environmentId) => {
      this.tell(environmentId);
    });
    await line.start([...this.hearers.keys()]);
    this.line = line;
    if (this.hasEnded) line.close();
    void line.lost.then(() => {
      this.line = null;
      void this.returnToLine();
    });
    for (const environmentId of line.held()) {
      if (!this.hearers.has(environmentId)) line.letGo(environmentId);
    }
    for (const environmentId of this.hearers.keys()) this.tell(environmentId);
    return line;
  }

  private tell(environmentId: string): void {
    for (const heard of this.hearers.get(environmentId) ?? []) heard();
  }

  /** After a loss: tries again, with growing pauses, for as long as anybody listens. */
  private async returnToLine(): Promise<void> {
    if (this.isReturning) return;
    this.isReturning = true;
    for (let wait = FIRST_PAUSE_MS; this.isNeeded(); wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      await pause(wait, undefined, { ref: false });
      try {
        if (this.isNeeded()) await this.open();
      } catch (error) {
        this.logger.warn({
          message: 'The database cannot be listened to; trying again.',
          cause: String(error),
        });
      }
    }
    this.isReturning = false;
  }

  private isNeeded(): boolean {
    return !this.hasEnded && this.line === null && this.hearers.size > 0;
  }
}

/** The same server and the same role as the pool's connections. */
function clientConfig({ options }: DataSource): PrimaryClientConfig {
  const extra: unknown = options.type === 'postgres' ? options.extra : null;
  const primary = typeof extra === 'object' && extra !== null && 'primary' in extra ? extra.primary : null;
  if (options.type !== 'postgres' || options.url === undefined || !(primary instanceof Primary)) {
    throw new Unexpected('the pool is not made from one PostgreSQL URL');
  }
  return {
    ...(typeof extra === 'object' ? extra : {}),
    primary,
    connectionString: options.url,
    application_name: 'coffer-listener',
    connectionTimeoutMillis: 2_000,
    query_timeout: 10_000,
  };
}
