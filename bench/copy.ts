import { once } from 'node:events';
import type { Client, Connection, Submittable } from 'pg';

// What the connections of pg can do and its types do not tell.
declare module 'pg' {
  interface Connection {
    sendCopyFromChunk(chunk: Buffer): void;
    endCopyFrom(): void;
    sendCopyFail(reason: string): void;
  }
}

export type Field = string | number | Date | Uint8Array | readonly string[] | null;

const CHUNK_BYTES = 64 * 1024;

/** Lays rows into a table with COPY, as they are made: a million of them need no more memory than one chunk. */
export function copyInto(
  client: Client,
  table: string,
  columns: readonly string[],
  rows: Iterable<readonly Field[]>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(
      new CopyIn(`copy ${table} (${columns.join(', ')}) from stdin`, rows, (error) => {
        if (error === null) resolve();
        else reject(error);
      }),
    );
  });
}

/** A query as pg sees it: its methods are called when the server's messages arrive. */
class CopyIn implements Submittable {
  private failure: Error | null = null;

  constructor(
    private readonly statement: string,
    private readonly rows: Iterable<readonly Field[]>,
    /** Called by pg as well, when the connection is lost. */
    readonly callback: (error: Error | null) => void,
  ) {}

  submit(connection: Connection): void {
    connection.query(this.statement);
  }

  handleCopyInResponse(connection: Connection): void {
    this.send(connection).catch((error: unknown) => {
      this.failure = error instanceof Error ? error : new Error(String(error));
      connection.sendCopyFail('the rows could not be made');
    });
  }

  handleError(error: Error): void {
    this.callback(this.failure ?? error);
  }

  handleReadyForQuery(): void {
    this.callback(null);
  }

  handleCommandComplete(): void {
    // ReadyForQuery follows.
  }

  private async send(connection: Connection): Promise<void> {
    for (const chunk of chunksOf(this.rows)) {
      connection.sendCopyFromChunk(chunk);
      if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain');
    }
    connection.endCopyFrom();
  }
}

function* chunksOf(rows: Iterable<readonly Field[]>): Generator<Buffer> {
  let text = '';
  for (const row of rows) {
    text += `${row.map(written).join('\t')}\n`;
    if (text.length < CHUNK_BYTES) continue;
    yield Buffer.from(text, 'utf8');
    text = '';
  }
  if (text !== '') yield Buffer.from(text, 'utf8');
}

/** PostgreSQL's text format: a backslash escapes, and \N is null. */
function written(field: Field): string {
  if (field === null) return '\\N';
  if (field instanceof Date) return field.toISOString();
  if (field instanceof Uint8Array) return `\\\\x${Buffer.from(field).toString('hex')}`;
  if (typeof field === 'number') return String(field);
  if (typeof field !== 'string') return `{${field.map((item) => JSON.stringify(item)).join(',')}}`;
  return field.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
}
