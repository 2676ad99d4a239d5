import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { from, to } from 'pg-copy-streams';
import { DatabaseUnusable } from './database-unusable.js';
import { connecting, PrimaryClient } from './primary-client.js';

/**
 * One connection of the login that owns the tables, for what the service itself may not do: whole tables out and in, and the keys that only a
 * rotation changes. Row-level security binds this login too, unless it is a superuser: whoever wants to see every row reads `every-row.ts`.
 */
export class OwnerConnection {
  private constructor(private readonly client: Client) {}

  /** Throws `DatabaseUnusable`. */
  static async open(url: string): Promise<OwnerConnection> {
    const { url: connectionString, primary } = connecting(url);
    const client = new PrimaryClient({
      primary,
      connectionString,
      application_name: 'coffer-admin',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    });
    // The statement that runs then fails, and tells.
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      throw DatabaseUnusable.whileOpening(error);
    }
    return new OwnerConnection(client);
  }

  async rows<Row>(statement: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const { rows } = await this.client.query({ text: statement, values: [...parameters] });
    return rows as Row[];
  }

  /** `settings` are those of BEGIN, such as `isolation level repeatable read`. */
  async inTransaction<T>(settings: string, work: () => Promise<T>): Promise<T> {
    await this.rows(`begin ${settings}`);
    try {
      const result = await work();
      await this.rows('commit');
      return result;
    } catch (error) {
      // A connection that is lost has rolled back already.
      await this.rows('rollback').catch(() => undefined);
      throw error;
    }
  }

  /** What `copy … to stdout` gives, piece by piece; the next statement waits for its end. */
  copyOut(statement: string): Readable {
    return this.client.query(to(statement));
  }

  /** Feeds `copy … from stdin` and gives back the number of rows. */
  async copyIn(statement: string, pieces: AsyncIterable<Uint8Array>): Promise<number> {
    const stream = this.client.query(from(statement));
    await pipeline(pieces, stream);
    return stream.rowCount;
  }

  async close(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}
