import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { EXIT, Failure, systemCode } from './failure.js';
import { printable } from './terminal.js';
import { version } from './version.js';

// One request and its answer, over node's own client: it starts fast, follows no redirect, and talks to the one server
// that it was made for.

/** No answer of ours is larger; what is larger comes from something else. */
const LARGEST_ANSWER = 256 * 1024 * 1024;

/** Even an answer that never falls silent must end. */
const MOST_TIMES_THE_SILENCE = 10;

/** What is longer, Node's timers take for nothing at all. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export type Wanted = Readonly<{
  method: string;
  /** With its query, percent-encoded. */
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** Ends the request, and the answer that is still coming. */
  signal?: AbortSignal;
}>;

export type Answer = Readonly<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>;

export class Connection {
  /** Something has answered; whether that was Coffer is another question. */
  hasAnswered = false;

  readonly #timeoutMs: number;
  #agent: http.Agent | undefined;

  /** `server` without a slash at its end. */
  constructor(
    readonly server: string,
    timeoutSeconds: number,
  ) {
    this.#timeoutMs = Math.min(timeoutSeconds * 1000, LONGEST_TIMER_MS / MOST_TIMES_THE_SILENCE);
  }

  /** The whole answer. Throws when the server cannot be reached, is silent for too long, or drops the connection. */
  async send(wanted: Wanted): Promise<Answer> {
    const message = await this.open(wanted);
    return { status: message.statusCode ?? 0, headers: message.headers, body: await this.read(message) };
  }

  /** The answer's head; its body is still to be read. */
  async open(wanted: Wanted): Promise<IncomingMessage> {
    const url = new URL(this.server);
    const { request, Agent } = url.protocol === 'https:' ? (await import('node:https')).default : http;
    this.#agent ??= new Agent({ keepAlive: true, maxSockets: 8 });
    const agent = this.#agent;
    return new Promise((resolve, reject) => {
      const { method, headers, body, signal } = wanted;
      const sent = request(
        {
          agent,
          method,
          host: url.hostname.replace(/^\[|\]$/g, ''),
          port: url.port,
          path: url.pathname.replace(/\/$/, '') + wanted.path,
          headers: {
            accept: 'application/json',
            'user-agent': `coffer/${version()}`,
            ...(body !== undefined && {
              'content-type': 'application/json',
              'content-length': String(Buffer.byteLength(body)),
            }),
            ...headers,
          },
          ...(signal !== undefined && { signal }),
        },
        (message) => {
          clearTimeout(timer);
          this.hasAnswered = true;
          resolve(message);
        },
      );
      const timer = setTimeout(() => sent.destroy(this.#silent(this.#timeoutMs)), this.#timeoutMs);
      sent.on('error', (error) => {
        clearTimeout(timer);
        // An idle connection that the server was just closing: nothing was answered, and reading again changes nothing.
        const wasClosing = sent.reusedSocket && systemCode(error) === 'ECONNRESET' && method === 'GET';
        if (wasClosing) resolve(this.open(wanted));
        else reject(this.failure(error));
      });
      sent.end(body);
    });
  }

  /** The body as it comes. It may not be silent for longer than `silenceMs`. */
  async *chunks(message: IncomingMessage, silenceMs = this.#timeoutMs): AsyncGenerator<Buffer> {
    const wait = (): NodeJS.Timeout => setTimeout(() => message.destroy(this.#silent(silenceMs)), silenceMs);
    let timer = wait();
    try {
      for await (const chunk of message as AsyncIterable<Buffer>) {
        clearTimeout(timer);
        yield chunk;
        timer = wait();
      }
    } catch (error) {
      throw this.failure(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The whole body. Throws when it is larger than any of Coffer's, or does not come to its end. */
  async read(message: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    const most = this.#timeoutMs * MOST_TIMES_THE_SILENCE;
    const timer = setTimeout(() => message.destroy(this.#silent(most)), most);
    try {
      for await (const chunk of this.chunks(message)) {
        size += chunk.length;
        if (size > LARGEST_ANSWER) throw this.#tooLarge();
        chunks.push(chunk);
      }
    } finally {
      clearTimeout(timer);
    }
    return Buffer.concat(chunks);
  }

  /** Lets go of the idle connections. */
  close(): void {
    this.#agent?.destroy();
  }

  failure(error: unknown): Failure {
    if (error instanceof Failure) return error;
    const code = systemCode(error);
    const reason = (code === null ? undefined : reasonOf(code)) ?? code ?? 'the connection failed';
    return new Failure(
      EXIT.unreachable,
      `${this.server} cannot be reached: ${printable(reason)}. ${code !== null && isCertificate(code) ? CERTIFICATE_ADVICE : ADVICE}`,
    );
  }

  #silent(ms: number): Failure {
    const seconds = ms / 1000;
    return new Failure(
      EXIT.unreachable,
      `${this.server} did not answer within ${String(seconds)} second${seconds === 1 ? '' : 's'}. Try again, or give it longer: --timeout SECONDS`,
    );
  }

  #tooLarge(): Failure {
    return new Failure(
      EXIT.unreachable,
      `${this.server} sent more than any answer of Coffer's has. ${ADVICE}`,
    );
  }
}

const ADVICE =
  'Is the service running, and is that its address? (coffer config shows where the address comes from)';

const CERTIFICATE_ADVICE =
  'Have its certificate put right, or trust its authority: NODE_EXTRA_CA_CERTS names a file of certificates.';

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was dropped',
  EPIPE: 'the connection was dropped',
  ETIMEDOUT: 'the connection timed out',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name service does not answer',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  EPROTO: 'it does not speak TLS as this command does',
  ABORT_ERR: 'the request was given up',
};

function reasonOf(code: string): string | undefined {
  // The codes of Node's HTTP parser.
  return code.startsWith('HPE_') ? 'what answers there is no HTTP server' : REASONS[code];
}

function isCertificate(code: string): boolean {
  return /CERT|SIGNED|ERR_TLS/.test(code);
}
