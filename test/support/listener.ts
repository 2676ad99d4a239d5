import { request, type IncomingMessage } from 'node:http';

export type Told = Readonly<{ event: string; id: string; data: { revision: number; changed: string[] } }>;

const PATIENCE_MS = 10_000;

/** Somebody who listens to a stream of server-sent events, as a well-behaved client reads it. */
export class Listener {
  readonly told: Told[] = [];
  readonly comments: string[] = [];
  /** Everything that came, as it came. */
  text = '';
  endedAt: number | null = null;
  private unread = '';
  private changed: () => void = () => undefined;

  private constructor(private readonly answer: IncomingMessage) {
    answer.setEncoding('utf8');
    answer.on('data', (chunk: string) => {
      this.text += chunk;
      this.read(chunk);
      this.changed();
    });
    answer.on('error', () => undefined);
    answer.on('close', () => {
      this.endedAt = Date.now();
      this.changed();
    });
  }

  static open(url: string, credential: string, lastEventId?: number | string): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${credential}`,
        accept: 'text/event-stream',
        ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
      };
      request(url, { headers, agent: false })
        .on('response', (answer) => {
          resolve(new Listener(answer));
        })
        .on('error', reject)
        .end();
    });
  }

  get status(): number | undefined {
    return this.answer.statusCode;
  }

  get headers(): IncomingMessage['headers'] {
    return this.answer.headers;
  }

  /** What was told when everything up to a revision has been. Fails when that takes too long. */
  async upTo(revision: number): Promise<Told[]> {
    await this.until(
      () => this.told.some((one) => one.data.revision >= revision),
      `revision ${String(revision)}`,
    );
    return this.told;
  }

  async end(): Promise<void> {
    await this.until(() => this.endedAt !== null, 'the end');
  }

  async until(isSo: () => boolean, what: string, patience = PATIENCE_MS): Promise<void> {
    const deadline = Date.now() + patience;
    while (!isSo()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`waited in vain for ${what}; so far there came:\n${this.text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Stops reading, as a client that hangs. */
  pause(): void {
    this.answer.pause();
  }

  resume(): void {
    this.answer.resume();
  }

  close(): void {
    this.answer.destroy();
  }

  private read(chunk: string): void {
    const blocks = (this.unread + chunk).split('\n\n');
    this.unread = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n');
      this.comments.push(...lines.filter((line) => line.startsWith(':')));
      const fields = new Map(
        lines
          .filter((line) => !line.startsWith(':'))
          .map((line) => {
            const [name = '', ...rest] = line.split(': ');
            return [name, rest.join(': ')];
          }),
      );
      const data = fields.get('data');
      if (data === undefined) continue;
      this.told.push({
        event: fields.get('event') ?? '',
        id: fields.get('id') ?? '',
        data: JSON.parse(data),
      });
    }
  }
}
