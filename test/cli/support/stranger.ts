import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that is not Coffer: what it was sent, and whatever it does with it. */
export class Stranger {
  readonly requests: IncomingMessage[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async open(answer: RequestListener): Promise<Stranger> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const stranger = new Stranger(server, `http://127.0.0.1:${String(port)}`);
    server.on('request', (request, response) => {
      stranger.requests.push(request);
      answer(request, response);
    });
    return stranger;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
