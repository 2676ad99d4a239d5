import { Client, type ClientConfig } from 'pg';
import { databaseAddressFrom, type DatabaseHost } from '../config/database-url.js';
import { pointTo, Primary, requireTarget } from './primary.js';

/** What a server says that was a primary and is none any more, or has been closed to writes. */
const READ_ONLY = '25006';

export type PrimaryClientConfig = ClientConfig & Readonly<{ primary: Primary }>;

/** How to connect to the database of a URL. Everybody who works with it at the same time shares one of these. `moved` hears of another host. */
export function connecting(
  url: string,
  moved: (host: string) => void = () => undefined,
): Readonly<{ url: string; primary: Primary }> {
  const address = databaseAddressFrom(url);
  return { url: address.url, primary: new Primary(address, moved) };
}

/** What a pool hands over; the driver's types know the two ways of calling it apart. */
type Connected = ((error: Error) => void) | ((error: null, client: Client) => void);

/**
 * A connection to the one of several hosts that takes writes. It ends by itself when its server has become read-only, so that no pool keeps
 * it. With one host it is the driver's own.
 */
export class PrimaryClient extends Client {
  declare private readonly connectionParameters: { host: string; port: number };
  private readonly primary: Primary;

  constructor(config: PrimaryClientConfig) {
    super(config);
    this.primary = config.primary;
    this.connection.on('errorMessage', ({ code }: { code?: string }) => {
      if (code === READ_ONLY) this.connection.stream.destroy();
    });
  }

  override connect(): Promise<Client>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<Client> | undefined {
    if (callback === undefined) return this.reach();
    const told = callback as (error: unknown, client: Client) => void;
    this.reach().then(
      () => {
        told(null, this);
      },
      (error: unknown) => {
        told(error, this);
      },
    );
    return undefined;
  }

  private async reach(): Promise<Client> {
    const { target } = this.primary;
    const host = await this.chosen();
    if (host === null && target === 'any') return super.connect();
    if (host !== null) {
      pointTo(this, host);
      pointTo(this.connectionParameters, host);
    }
    this.on('error', () => {
      if (host !== null) this.primary.doubt(host);
    });
    try {
      await super.connect();
      if (host !== null) this.primary.follow(this, host);
      await requireTarget(this, target);
      if (host !== null && !this.primary.isPresent(host)) throw new Error('another host has taken over');
    } catch (error) {
      if (host !== null) this.primary.doubt(host);
      // Whoever connects in vain does not end what they never had.
      void super.end();
      this.connection.stream.destroy();
      throw error;
    }
    return this;
  }

  /** A pool that is out of patience destroys the stream, whatever we are waiting for. */
  private chosen(): Promise<DatabaseHost> | DatabaseHost | null {
    const found = this.primary.find();
    if (!(found instanceof Promise)) return found;
    const { stream } = this.connection;
    const outOfPatience = new Promise<never>((_, reject) => {
      stream.once('close', () => {
        reject(new Error('timeout while a host was sought that takes writes'));
      });
    });
    return Promise.race([found, outOfPatience]);
  }
}
