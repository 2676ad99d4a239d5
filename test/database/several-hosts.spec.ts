// One server behind several places: which of the places in a URL are asked, and which is worked with.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { openServicePool } from '../../src/data-source.js';
import { Database } from '../../src/database/database.js';
import { migrate } from '../../src/database/migrate.js';
import { OwnerConnection } from '../../src/database/owner-connection.js';
import { firstRow, rows } from '../../src/database/transaction.js';
import { Unavailable } from '../../src/errors/errors.js';
import { JsonLog } from '../../src/http/log.js';
import { createDatabase, type TestDatabase } from '../support/postgres.js';

const log = new JsonLog('silent');

/** A host and a port of its own that leads to the test server, takes connections and says nothing, or refuses them. */
class Place {
  connections = 0;
  isSilent = false;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly door: Server) {}

  static async before(database: TestDatabase): Promise<Place> {
    const door = createServer();
    const place = new Place(door);
    const { hostname, port } = new URL(database.url);
    door.on('connection', (socket) => {
      place.connections += 1;
      place.keep(socket);
      if (place.isSilent) return;
      const inner = place.keep(connect(Number(port), hostname));
      socket.pipe(inner).pipe(socket);
    });
    door.listen(0, '127.0.0.1');
    await once(door, 'listening');
    return place;
  }

  get name(): string {
    return `127.0.0.1:${String((this.door.address() as AddressInfo).port)}`;
  }

  /** Cuts what is open and refuses what comes. Returns the name that it had. */
  async close(): Promise<string> {
    const { name } = this;
    this.door.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.door, 'close');
    return name;
  }

  private keep(socket: Socket): Socket {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.sockets.delete(socket);
      for (const other of this.sockets) if (other.destroyed) this.sockets.delete(other);
    });
    return socket;
  }
}

let database: TestDatabase;
let places: Place[];
let pool: DataSource | null = null;

beforeAll(async () => {
  database = await createDatabase();
});

beforeEach(async () => {
  places = [await Place.before(database), await Place.before(database)];
});

afterEach(async () => {
  await pool?.destroy();
  pool = null;
  await Promise.all(places.map((place) => place.close().catch(() => '')));
});

afterAll(() => database.drop());

const [one, two] = [() => places[0] as Place, () => places[1] as Place];

function urlOf(names: readonly string[], parameters = ''): string {
  const url = new URL(database.url);
  return `postgresql://${url.username}:${url.password}@${names.join(',')}${url.pathname}${parameters}`;
}

async function open(names: readonly string[], parameters = ''): Promise<Database> {
  pool = await openServicePool(urlOf(names, parameters), log);
  return new Database(pool);
}

const asked = () => places.map(({ connections }) => connections);
const backend = (from: Database) =>
  from.shared(async (tx) => (await firstRow<{ pid: number }>(tx, 'select pg_backend_pid() as pid'))?.pid);

describe('one host', () => {
  it('is connected to once for each connection, whatever it must be like', async () => {
    await open([one().name]);
    expect(asked()).toEqual([1, 0]);
    await pool?.destroy();
    await open([one().name], '?target_session_attrs=read-write');
    expect(asked()).toEqual([2, 0]);
  });

  it('a connection to a server that takes no writes any more is told as an outage and not used again', async () => {
    const from = await open([one().name]);
    const before = await backend(from);
    const refused = from.shared(async (tx) => {
      await rows(tx, 'set transaction read only');
      await rows(tx, 'delete from rate_limits');
    });
    await expect(refused).rejects.toBeInstanceOf(Unavailable);
    expect(await backend(from)).not.toBe(before);
  });
});

describe('several hosts', () => {
  it.each([
    '',
    '?target_session_attrs=read-write',
    '?target_session_attrs=primary',
    '?target_session_attrs=any',
  ])('are tried in their order by everything that connects (%s)', async (parameters) => {
    const gone = await one().close();
    const url = urlOf([gone, two().name], parameters);
    expect(await migrate(url)).toEqual([]);
    const owner = await OwnerConnection.open(url);
    expect(await owner.rows('select 1 as one')).toEqual([{ one: 1 }]);
    await owner.close();
    expect(await backend(await open([gone, two().name], parameters))).toEqual(expect.any(Number));
  });

  it('the first one that will do is asked once and then connected to; the next ones are left alone', async () => {
    const from = await open([one().name, two().name]);
    await Promise.all(Array.from({ length: 5 }, () => backend(from)));
    expect(asked()).toEqual([1 + from.connections.total, 0]);
  });

  it('one that says nothing is passed over, and not asked again while another one serves', async () => {
    one().isSilent = true;
    const from = await open([one().name, two().name]);
    expect(one().connections).toBe(1);
    await Promise.all(
      Array.from({ length: 10 }, () => from.shared((tx) => rows(tx, 'select pg_sleep(0.1)'))),
    );
    expect(from.connections.total).toBeGreaterThan(1);
    expect(one().connections).toBe(1);
  });

  it('what hangs on a host is cut as soon as another one has taken over', async () => {
    const from = await open([one().name, two().name]);
    const hanging = from.shared((tx) => rows(tx, 'select pg_sleep(7)')).catch((error: unknown) => error);
    while (from.connections.idle > 0) await pause(10);
    const began = Date.now();
    const cut = from.shared((tx) => rows(tx, 'select pg_terminate_backend(pg_backend_pid())'));
    one().isSilent = true;
    await expect(cut).rejects.toBeInstanceOf(Unavailable);
    expect(await hanging).toBeInstanceOf(Unavailable);
    expect(Date.now() - began).toBeLessThan(6_000);
    expect(await backend(from)).toEqual(expect.any(Number));
    expect(two().connections).toBeGreaterThan(1);
  });

  it('none of them that takes writes is refused, each with its reason and without the password', async () => {
    const closed = await createDatabase();
    const gone = await one().close();
    try {
      const name = new URL(closed.url).pathname.slice(1);
      const owner = await OwnerConnection.open(closed.url);
      await owner.rows(`alter database ${name} set default_transaction_read_only = on`);
      await owner.close();
      const url = urlOf([gone, two().name]).replace(new URL(database.url).pathname, `/${name}`);
      const refusal = await openServicePool(url, log).then(String, String);
      expect(refusal).toMatch(new RegExp(`${gone}: .*connect ECONNREFUSED`));
      expect(refusal).toContain(`${two().name} takes no writes`);
      expect(refusal).not.toContain(new URL(database.url).password);
      pool = await openServicePool(`${url}?target_session_attrs=any`, log);
    } finally {
      await pool?.destroy();
      pool = null;
      await closed.drop();
    }
  });
});
