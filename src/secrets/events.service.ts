import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { Access } from '../access/access.js';
import type { Standing } from '../access/standing.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import { Announcements } from '../database/announcements.js';
import { Database } from '../database/database.js';
import { CofferError, InvalidRequest, NotFound } from '../errors/errors.js';
import { EventStream } from './event-stream.js';
import { HeldRights, type Hold } from './held-rights.js';
import { currentRevision, historyAfter, type History } from './revisions.js';

const COMMENT_EVERY_MS = 15_000;
const TRY_AGAIN_AFTER_MS = 1_000;
const READS_AT_ONCE = 4;

/** For one node. Each costs a socket and some 40 KiB. */
const MOST_STREAMS = 10_000;

const COMMENT = Buffer.from(': open\n\n', 'utf8');

/** An environment that somebody on this node listens to. */
type Watch = {
  readonly orgId: string;
  readonly environmentId: string;
  readonly streams: Map<EventStream, Hold>;
  /** Those who listen, and those who are about to. */
  users: number;
  readonly ready: Promise<() => void>;
};

/**
 * Streams that tell which secrets were changed, never what they hold. One word from the database wakes all streams of an environment, one
 * read serves them, and a stream knows how far it was told: so a word that comes twice tells nothing twice, and what was missed while a
 * connection was lost is told later. An idle stream costs its socket and a comment now and then.
 */
@Injectable()
export class EventsService implements OnModuleDestroy {
  private readonly logger = new Logger('events');
  private readonly watches = new Map<string, Watch>();
  private readonly woken = new Set<Watch>();
  private readers = 0;
  private listening = 0;
  private hasEnded = false;
  private readonly rights = new HeldRights<EventStream>(
    (stream) => {
      stream.finish();
    },
    (streams) => {
      this.wakeThoseOf(streams);
    },
  );
  private readonly comments = setInterval(() => {
    for (const { streams } of this.watches.values())
      for (const stream of streams.keys()) stream.keepOpen(COMMENT);
  }, COMMENT_EVERY_MS).unref();

  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly announcements: Announcements,
  ) {}

  /** Tells what happens from now on, or after the revision that the caller was told last. */
  async open(
    access: Access<'secrets:read'>,
    standing: Standing,
    lastEventId: string | undefined,
  ): Promise<EventStream> {
    const after = revisionIn(lastEventId);
    this.requirePlace();
    const watch = this.join(access);
    try {
      await watch.ready;
      const revision = await this.record(access);
      // A number from the future is one of an earlier environment of this name: of this one, everything is news.
      const from = after === null ? revision : after > revision ? 0 : after;
      return this.add(watch, new EventStream(from), standing);
    } catch (error) {
      this.leave(watch);
      throw error;
    }
  }

  onModuleDestroy(): void {
    this.hasEnded = true;
    clearInterval(this.comments);
    this.rights.stop();
    for (const { streams } of this.watches.values()) for (const stream of streams.keys()) stream.finish();
  }

  private requirePlace(): void {
    if (!this.hasEnded && this.listening < MOST_STREAMS) return;
    const reason = this.hasEnded ? 'The service is stopping.' : 'Too many listen to this node already.';
    throw new CofferError('unavailable', reason, { retryAfter: 2 });
  }

  private record(access: Access<'secrets:read'>): Promise<number> {
    return this.database.forOrg(access.org.id, async (tx) => {
      const revision = await currentRevision(tx, access.org.id, access.environment.id);
      if (revision === undefined) throw new NotFound();
      await this.audit.record(tx, access.org.id, allowed(access, 'values.events', { revision }));
      return revision;
    });
  }

  private add(watch: Watch, stream: EventStream, standing: Standing): EventStream {
    this.requirePlace();
    const hold = this.rights.add(stream, standing);
    watch.streams.set(stream, hold);
    stream.once('close', () => {
      hold.letGo();
      watch.streams.delete(stream);
      this.leave(watch);
    });
    // Whatever was committed since the revision was read.
    this.wake(watch);
    return stream;
  }

  private join(access: Access<'secrets:read'>): Watch {
    const environmentId = access.environment.id;
    const known = this.watches.get(environmentId);
    const watch = known ?? {
      orgId: access.org.id,
      environmentId,
      streams: new Map<EventStream, Hold>(),
      users: 0,
      ready: this.announcements.watch(environmentId, () => {
        this.wakeAll(environmentId);
      }),
    };
    watch.users += 1;
    this.listening += 1;
    this.watches.set(environmentId, watch);
    return watch;
  }

  private leave(watch: Watch): void {
    watch.users -= 1;
    this.listening -= 1;
    if (watch.users > 0) return;
    this.watches.delete(watch.environmentId);
    this.woken.delete(watch);
    watch.ready.then(
      (unwatch) => {
        unwatch();
      },
      () => undefined,
    );
  }

  private wakeAll(environmentId: string): void {
    const watch = this.watches.get(environmentId);
    if (watch !== undefined) this.wake(watch);
  }

  private wakeThoseOf(streams: Iterable<EventStream>): void {
    const members = new Set(streams);
    for (const watch of this.watches.values()) {
      if ([...watch.streams.keys()].some((stream) => members.has(stream))) this.wake(watch);
    }
  }

  /** However often an environment is woken while it waits for its turn, it is read once. */
  private wake(watch: Watch): void {
    if (watch.streams.size === 0) return;
    this.woken.add(watch);
    if (this.readers < READS_AT_ONCE) void this.read();
  }

  private async read(): Promise<void> {
    this.readers += 1;
    for (const watch of this.woken) {
      this.woken.delete(watch);
      await this.deliver(watch);
    }
    this.readers -= 1;
  }

  private async deliver(watch: Watch): Promise<void> {
    let from = Infinity;
    for (const { revision } of watch.streams.keys()) from = Math.min(from, revision);
    if (watch.streams.size === 0) return;
    try {
      const history = await this.database.forOrg(watch.orgId, (tx) =>
        historyAfter(tx, watch.orgId, watch.environmentId, from),
      );
      if (history === null) for (const stream of watch.streams.keys()) stream.finish();
      else tellAll(watch.streams, from, history);
    } catch (error) {
      this.logger.warn({ message: 'A change could not be told; trying again.', cause: String(error) });
      setTimeout(() => {
        this.wakeAll(watch.environmentId);
      }, TRY_AGAIN_AFTER_MS).unref();
    }
  }
}

/** Tells each stream what it has not been told. Who joined with an older revision after the read began is served by the next one. */
function tellAll(streams: ReadonlyMap<EventStream, Hold>, from: number, history: History): void {
  const written = new Map<number, Buffer>();
  for (const [stream, hold] of streams) {
    const after = stream.revision;
    if (after < from || after >= history.revision || !hold.isGood()) continue;
    const bytes = written.get(after) ?? eventsAfter(history, after);
    written.set(after, bytes);
    stream.tell(bytes, history.revision);
  }
}

function eventsAfter({ events }: History, after: number): Buffer {
  const texts = events
    .filter(({ revision }) => revision > after)
    .map(({ revision, changed }) => {
      const data = JSON.stringify({ revision, changed });
      return `event: revision\nid: ${String(revision)}\ndata: ${data}\n\n`;
    });
  return Buffer.from(texts.join(''), 'utf8');
}

/** Throws `InvalidRequest` for what was never an id of an event. */
function revisionIn(lastEventId: string | undefined): number | null {
  if (lastEventId === undefined || lastEventId === '') return null;
  const revision = /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : NaN;
  if (Number.isSafeInteger(revision)) return revision;
  throw new InvalidRequest([{ field: 'Last-Event-ID', error: 'must be the id of an event, a revision' }]);
}
