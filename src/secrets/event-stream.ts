import { Readable } from 'node:stream';

/** What somebody who does not read may leave lying: then the stream is cut, and goes on from `Last-Event-ID` when they come back. */
const MOST_UNREAD_BYTES = 64 * 1024;

/** How long a stream that has ended waits for its listener to take what is left. */
const LAST_WORDS_MS = 2_000;

/** One listener's stream of server-sent events (WHATWG HTML, 9.2), and up to which revision it has been told. */
export class EventStream extends Readable {
  private hasFinished = false;

  constructor(public revision: number) {
    super({ highWaterMark: MOST_UNREAD_BYTES });
    // The first bytes send the headers: the listener learns at once that it is heard.
    this.push(': listening\n\n');
  }

  override _read(): void {
    // Events come when they come; nothing can be asked for.
  }

  /** Tells what happened up to `revision`. */
  tell(events: Uint8Array, revision: number): void {
    this.revision = revision;
    this.write(events);
  }

  keepOpen(comment: Uint8Array): void {
    this.write(comment);
  }

  /** Ends it from this side. May be called more than once. */
  finish(): void {
    if (this.hasFinished || this.destroyed) return;
    this.hasFinished = true;
    this.push(null);
    setTimeout(() => this.destroy(), LAST_WORDS_MS).unref();
  }

  private write(bytes: Uint8Array): void {
    if (this.hasFinished || this.destroyed) return;
    if (this.readableLength > MOST_UNREAD_BYTES) this.destroy();
    else this.push(bytes);
  }
}
