import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import type { DatabaseAddress, DatabaseHost, Target } from '../config/database-url.js';
import { isOutage, reasonOf, sqlStateOf } from './postgres-errors.js';

/** How long a host has to itself before the next one is asked as well (as in RFC 8305, for slower answers). */
const HEAD_START_MS = 500;
const PATIENCE_MS = 2_000;
const PAUSE_MS = 500;

/**
 * Which of several hosts is worked with. It is sought when the first connection is made, remembered for as long as one is open, and sought
 * again as soon as a connection breaks. When another host has taken over, connections to the old one are cut: whatever still hangs on it, or
 * is believed by it, is over. With one host there is nothing to seek.
 */
export class Primary {
  private present: DatabaseHost | null = null;
  private latest: DatabaseHost | null = null;
  private search: Promise<DatabaseHost> | null = null;
  private isReturning = false;
  private readonly connections = new Map<Client, DatabaseHost>();

  constructor(
    private readonly address: DatabaseAddress,
    private readonly moved: (host: string) => void,
  ) {}

  get target(): Target {
    return this.address.target;
  }

  /** What a search may take longer than a connection to one host. */
  get searchMs(): number {
    return HEAD_START_MS * Math.max(0, this.address.hosts.length - 1);
  }

  /** The host to connect to, or null when the URL names no more than one. Throws when none of them will do. */
  find(): Promise<DatabaseHost> | DatabaseHost | null {
    if (this.address.hosts.length === 0) return null;
    return this.present ?? this.seek();
  }

  /** A connection to this host is open, until it ends. */
  follow(client: Client, host: DatabaseHost): void {
    this.connections.set(client, host);
    client.once('end', () => {
      this.connections.delete(client);
      // Nobody would notice now that it goes away.
      if (this.connections.size === 0) this.present = null;
    });
  }

  /** Whether no other host has taken over meanwhile. */
  isPresent(host: DatabaseHost): boolean {
    return this.present === null || this.present === host;
  }

  /** Something went wrong with this host. */
  doubt(host: DatabaseHost): void {
    if (host !== this.present) return;
    this.present = null;
    void this.returnToOne();
  }

  /** Connections that hang notice nothing by themselves: for as long as one is open, a host is sought. */
  private async returnToOne(): Promise<void> {
    if (this.isReturning) return;
    this.isReturning = true;
    while (this.present === null && this.connections.size > 0) {
      await this.seek().catch(() => pause(PAUSE_MS, undefined, { ref: false }));
    }
    this.isReturning = false;
  }

  private seek(): Promise<DatabaseHost> {
    this.search ??= this.askAll().finally(() => {
      this.search = null;
    });
    return this.search;
  }

  /** In the order of the URL, but first the one that was good last: a slow one in front of it delays nobody. */
  private async askAll(): Promise<DatabaseHost> {
    const { latest } = this;
    const { hosts } = this.address;
    const ordered = latest === null ? hosts : [latest, ...hosts.filter((host) => host !== latest)];
    let turn: Promise<unknown> = Promise.resolve();
    let found: DatabaseHost | null = null;
    const answers = ordered.map((host) => {
      const answer = turn.then(async () => {
        if (found === null) await this.ask(host);
        return (found ??= host);
      });
      turn = turn.then(() =>
        Promise.race([answer.catch(() => undefined), pause(HEAD_START_MS, undefined, { ref: false })]),
      );
      return answer;
    });
    const host = await Promise.any(answers).catch((error: unknown) => {
      throw new NoPrimary(ordered, error instanceof AggregateError ? error.errors : [error]);
    });
    if (latest !== null && host !== latest) this.moved(nameOf(host));
    this.present = host;
    this.latest = host;
    for (const [client, at] of this.connections) {
      if (at !== host) client.connection.stream.destroy();
    }
    return host;
  }

  private async ask(host: DatabaseHost): Promise<void> {
    const client = new Client({
      connectionString: this.address.url,
      application_name: 'coffer-primary',
      connectionTimeoutMillis: PATIENCE_MS,
    });
    client.on('error', () => undefined);
    pointTo(client, host);
    try {
      await client.connect();
      await requireTarget(client, this.target);
    } finally {
      client.end().catch(() => undefined);
    }
  }
}

/** A client knows its host from its making on; until it connects, it can be told another. */
export function pointTo(client: { host: string; port: number }, { host, port }: DatabaseHost): void {
  client.host = host;
  client.port = port;
}

const QUESTIONS = {
  'read-write': `select current_setting('transaction_read_only')::boolean as refused`,
  primary: 'select pg_is_in_recovery() as refused',
};

/** Throws unless the server at the other end is what is looked for. */
export async function requireTarget(client: Client, target: Target): Promise<void> {
  if (target === 'any') return;
  const question = { text: QUESTIONS[target], query_timeout: PATIENCE_MS };
  const { rows } = await client.query<{ refused: boolean }>(question);
  if (rows[0]?.refused !== false) throw new NotTheTarget(client, target);
}

/** It was reached, and is a standby or takes no writes. */
class NotTheTarget extends Error {
  override readonly name = 'NotTheTarget';
  readonly code = '25006';

  constructor(host: DatabaseHost, target: Target) {
    super(`${nameOf(host)} ${target === 'primary' ? 'is a standby' : 'takes no writes'}`);
  }
}

/** None of the hosts can be worked with, each for its own reason. */
class NoPrimary extends AggregateError {
  override readonly name = 'NoPrimary';
  /** Of the one that speaks of our settings rather than of a server's state, if there is one. */
  readonly code: string | undefined;

  constructor(hosts: readonly DatabaseHost[], errors: readonly unknown[]) {
    const reasons = errors.map((error, index) => refusalOf(error, hosts[index]));
    super(reasons, reasons.map(({ message }) => message).join(', '));
    this.code = sqlStateOf(errors.find((error) => !isOutage(error)) ?? errors[0]);
  }
}

function refusalOf(error: unknown, host: DatabaseHost | undefined): Error {
  const reason = reasonOf(error);
  const isNamed = error instanceof NotTheTarget || host === undefined;
  return new Error(isNamed ? reason : `${nameOf(host)}: ${reason}`, { cause: error });
}

function nameOf({ host, port }: DatabaseHost): string {
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}
