import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The way between the command and a service, on which things happen: it passes bytes on, is cut, or is dead for a while. */
export class Line {
  /** When somebody tried to connect. */
  readonly attempts: number[] = [];
  readonly #sockets = new Set<Socket>();
  #isDead = false;
  #isHeld = false;
  #isAnswerHeld = false;
  #held: (() => void)[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
    private target: URL,
  ) {}

  static async to(url: string): Promise<Line> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const line = new Line(server, `http://127.0.0.1:${String(port)}`, new URL(url));
    server.on('connection', (socket) => {
      line.#connected(socket);
    });
    return line;
  }

  /** Ends every connection in the middle. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#held = [];
  }

  /** Connections end as soon as they are made, until it lives again. */
  die(): void {
    this.#isDead = true;
    this.cut();
  }

  live(): void {
    this.#isDead = false;
  }

  /** Cuts it, and leads it somewhere else. */
  turn(url: string): void {
    this.target = new URL(url);
    this.cut();
  }

  /** What the command sends stays on the way. */
  holdRequests(): void {
    this.#isHeld = true;
  }

  /** What the service answers stays on the way. */
  holdAnswers(): void {
    this.#isAnswerHeld = true;
  }

  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  release(): void {
    this.#isHeld = false;
    this.#isAnswerHeld = false;
    for (const send of this.#held) send();
    this.#held = [];
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #connected(socket: Socket): void {
    this.attempts.push(Date.now());
    socket.on('error', () => undefined);
    if (this.#isDead) {
      socket.destroy();
      return;
    }
    const behind = connect(Number(this.target.port), this.target.hostname);
    behind.on('error', () => socket.destroy());
    this.#pass(socket, behind, () => this.#isHeld);
    this.#pass(behind, socket, () => this.#isAnswerHeld);
  }

  #pass(from: Socket, to: Socket, isHeld: () => boolean): void {
    this.#sockets.add(from);
    from.on('data', (chunk) => {
      const send = (): void => void to.write(chunk);
      if (isHeld()) this.#held.push(send);
      else send();
    });
    from.once('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
