import { Socket } from 'node:net';
import { jest } from '@jest/globals';
import {
  IssuerUnreachable,
  readIssuerDocument,
  type Resolve,
} from '../../src/identity/federation/issuer-document.js';
import { exchange, lastExchange, trustIn } from '../support/exchange.js';
import { Issuer, json } from '../support/issuer.js';
import { TestApp } from '../support/app.js';
import type { Person } from '../support/world.js';

const PRIVATE = [
  ['loopback', '127.0.0.1'],
  ['loopback, elsewhere in its block', '127.9.9.9'],
  ['loopback with parts left out', '127.1'],
  ['loopback as one number', '2130706433'],
  ['loopback in hexadecimal', '0x7f.0x0.0x0.0x1'],
  ['loopback in octal', '0177.0.0.1'],
  ['loopback in full-width digits', '１２７.０.０.１'],
  ['loopback with a dot at its end', '127.0.0.1.'],
  ['this host', '0.0.0.0'],
  ['a private network', '10.0.0.1'],
  ['another private network', '172.16.0.1'],
  ['a third private network', '192.168.1.1'],
  ['the metadata of a cloud', '169.254.169.254'],
  ["a provider's own network", '100.64.0.1'],
  ['a multicast group', '224.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['a reserved block', '240.0.0.1'],
  ['a block for benchmarks', '198.18.0.1'],
  ['a block for documents', '192.0.2.1'],
  ['a 6to4 relay', '192.88.99.1'],
  ['loopback of IPv6', '[::1]'],
  ['no address of IPv6', '[::]'],
  ['link-local of IPv6', '[fe80::1]'],
  ['site-local of IPv6', '[fec0::1]'],
  ['unique local of IPv6', '[fd00:ec2::254]'],
  ['multicast of IPv6', '[ff02::1]'],
  ['an IPv4 address that IPv6 maps', '[::ffff:127.0.0.1]'],
  ['a mapped one in hexadecimal', '[::ffff:a00:1]'],
  ['an IPv4-compatible one', '[::127.0.0.1]'],
  ['NAT64', '[64:ff9b::127.0.0.1]'],
  ["NAT64 of a network's own", '[64:ff9b:1::10.0.0.1]'],
  ['6to4', '[2002:7f00:1::1]'],
  ['Teredo', '[2001:0:7f00:1::1]'],
  ['ORCHID', '[2001:20::1]'],
  ['documents of IPv6', '[2001:db8::1]'],
  ['documents of IPv6, the newer block', '[3fff::1]'],
  ['a discard prefix', '[100::1]'],
] as const;

type Target = Readonly<{ host: string | undefined; port: unknown }>;

/** Every connection that this process opens, but for those to its database. */
function watchConnections(): Target[] {
  const opened: Target[] = [];
  const connect = Reflect.get(Socket.prototype, 'connect') as (...args: unknown[]) => Socket;
  jest.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...args: unknown[]) {
    const target = targetOf(args);
    opened.push(target);
    return connect.apply(this, args);
  });
  return opened;
}

/** Node hands its own sockets one list of arguments, made by net's normalisation; others give options or a port. */
function targetOf([first, second]: unknown[]): Target {
  const options: unknown = Array.isArray(first) ? first[0] : first;
  if (typeof options === 'object' && options !== null) {
    const { host, port } = options as { host?: string; port?: unknown };
    return { host, port };
  }
  return { host: typeof second === 'string' ? second : undefined, port: first };
}

describe('an issuer’s URL is no way into the network of the server', () => {
  let app: TestApp;
  let owner: Person;
  let inside: Issuer;

  beforeAll(async () => {
    app = await TestApp.start();
    inside = await Issuer.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    await app.world.environment('acme/web/prod', owner);
    await trustIn(app, owner, 'acme/web/prod', 'https://issuer.example.com');
    // The pool has its connections now: what is opened from here on is opened for an issuer.
    await Promise.all(Array.from({ length: 20 }, () => app.as(owner).get('/acme/web/trusts').expect(200)));
  });

  afterEach(() => jest.restoreAllMocks());

  afterAll(async () => {
    await app.close();
    await inside.stop();
  });

  /** As if the trust had been made when the server still allowed it. */
  async function trustOf(issuer: string): Promise<void> {
    await app.sql.query(`update trusts set issuer = $1 where name = 'ci'`, [issuer]);
  }

  async function expectUnreached(issuer: string, reason: RegExp): Promise<void> {
    await trustOf(issuer);
    const token = await inside.token({ iss: issuer });
    const opened = watchConnections();
    const { status } = await exchange(app, 'acme/web/ci', token);
    const outside = opened.filter(({ port }) => !isOurs(port));
    jest.restoreAllMocks();
    expect(status).toBe(400);
    expect(outside).toEqual([]);
    expect(inside.asked).toEqual([]);
    expect((await lastExchange(app)).resource.mismatches).toEqual([
      { claim: 'signature', expected: expect.any(String), actual: expect.stringMatching(reason) },
    ]);
  }

  /** The test's own connection to the service, and the service's to its database. */
  function isOurs(port: unknown): boolean {
    return [new URL(app.url).port, new URL(app.databaseUrl).port].includes(String(port));
  }

  const port = (): string => new URL(inside.url).port;

  it.each(PRIVATE)('refuses a trust at %s', async (_, host) => {
    const body = { name: 'new', audience: 'coffer', claims: { sub: 'x' }, role: 'consumer', ttlSeconds: 60 };
    const issuer = `https://${host}:${port()}`;
    const answer = await app
      .as(owner)
      .post('/acme/web/trusts', { ...body, issuer })
      .expect(400);
    expect(answer.body.details).toEqual([
      { field: 'issuer', error: expect.stringContaining('COFFER_ALLOW_PRIVATE_ISSUERS') },
    ]);
  });

  it.each(PRIVATE)('opens no connection to %s', async (_, host) => {
    await expectUnreached(`https://${host}:${port()}`, /not public/);
  });

  it('opens no connection to a name that means this host', async () => {
    const body = { name: 'new', audience: 'coffer', claims: { sub: 'x' }, role: 'consumer', ttlSeconds: 60 };
    for (const host of ['localhost', 'LOCALHOST', 'localhost.', 'issuer.localhost']) {
      const issuer = `https://${host}:${port()}`;
      await app
        .as(owner)
        .post('/acme/web/trusts', { ...body, issuer })
        .expect(400);
    }
    await expectUnreached(`https://localhost:${port()}`, /not public/);
  });

  it('opens no connection without TLS', async () => {
    await expectUnreached(`http://127.0.0.1:${port()}`, /not an https URL/);
    await expectUnreached('http://issuer.example.com', /not an https URL/);
  });

  describe('a name', () => {
    const url = 'https://issuer.example.com/.well-known/openid-configuration';
    const read = (resolve: Resolve, allowPrivate = false): Promise<unknown> =>
      readIssuerDocument(url, { allowPrivate, signal: AbortSignal.timeout(1_000), resolve });

    /** Nothing leaves this machine: a connection is noted and fails. */
    function catchConnections(): Target[] {
      const opened: Target[] = [];
      jest.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...args: unknown[]) {
        opened.push(targetOf(args));
        process.nextTick(() => this.destroy(new Error('caught by the test')));
        return this;
      });
      return opened;
    }

    it.each([
      ['one private address', ['10.0.0.1']],
      ['a private address after a public one', ['93.184.216.34', '127.0.0.1']],
      ['a public address after a private one', ['::1', '93.184.216.34']],
      ['a mapped address', ['::ffff:10.0.0.1']],
      ['an address with a zone', ['2606:2800:220:1::1%eth0']],
      ['something that is no address', ['issuer.internal']],
    ])('is refused with %s', async (_, addresses) => {
      const opened = catchConnections();
      await expect(read(() => Promise.resolve(addresses))).rejects.toThrow('not public');
      expect(opened).toEqual([]);
    });

    it('is refused without an address', async () => {
      const opened = catchConnections();
      await expect(read(() => Promise.resolve([]))).rejects.toThrow('has no address');
      const failing: Resolve = () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
      await expect(read(failing)).rejects.toThrow('ENOTFOUND');
      expect(opened).toEqual([]);
    });

    it('that changes between the check and the connection is reached at the address that was checked', async () => {
      const opened = catchConnections();
      const answers = [['93.184.216.34'], ['127.0.0.1']];
      let lookups = 0;
      const rebinding: Resolve = () => Promise.resolve(answers[lookups++] ?? []);
      await expect(read(rebinding)).rejects.toThrow(IssuerUnreachable);
      expect(lookups).toBe(1);
      expect(opened).toEqual([{ host: '93.184.216.34', port: 443 }]);
    });

    it.each([
      ['IPv4', '93.184.216.34'],
      ['IPv4 beside a private block', '172.32.0.1'],
      ['IPv4 beside the carriers', '100.128.0.1'],
      ['IPv6', '2606:2800:220:1:248:1893:25c8:1946'],
      ['IPv6 beside the documents', '2001:db9::1'],
      ['IPv6 beside Teredo', '2001:200::1'],
    ])('is reached at a public address: %s', async (_, address) => {
      const opened = catchConnections();
      await expect(read(() => Promise.resolve([address]))).rejects.toThrow('cannot be reached');
      expect(opened).toEqual([{ host: address, port: 443 }]);
    });

    it('is asked for no longer than the fetch may take', async () => {
      const opened = catchConnections();
      await expect(read(() => new Promise(() => undefined))).rejects.toThrow('in time');
      expect(opened).toEqual([]);
    });

    it('is looked up in no other place than the resolver, and no proxy is asked', async () => {
      const opened = catchConnections();
      const before = process.env['HTTPS_PROXY'];
      process.env['HTTPS_PROXY'] = inside.url;
      await expect(read(() => Promise.resolve(['93.184.216.34', '93.184.216.35']))).rejects.toThrow(
        IssuerUnreachable,
      );
      if (before === undefined) delete process.env['HTTPS_PROXY'];
      else process.env['HTTPS_PROXY'] = before;
      expect(opened).toEqual([{ host: '93.184.216.34', port: 443 }]);
    });
  });

  describe('keys', () => {
    it('are not fetched from a private address that a public discovery document names', async () => {
      // The document would come from outside; here the reading of its second URL is what is tried.
      const uri = `https://127.0.0.1:${port()}/keys`;
      const reach = { allowPrivate: false, signal: AbortSignal.timeout(1_000) };
      const opened = watchConnections();
      await expect(readIssuerDocument(uri, reach)).rejects.toThrow('not public');
      expect(opened).toEqual([]);
    });
  });

  it('is one in house where the server says so', async () => {
    const open = await TestApp.start({ config: { allowPrivateIssuers: true } });
    const person = await open.world.user('olivia');
    await open.world.org('acme', person);
    await open.world.environment('acme/web/prod', person);
    await trustIn(open, person, 'acme/web/prod', inside);
    inside.misbehave('discovery', (_, response) => {
      json(response, {
        issuer: inside.url,
        jwks_uri: inside.url.replace('127.0.0.1', 'localhost') + '/keys',
      });
    });
    expect((await exchange(open, 'acme/web/ci', await inside.token())).status).toBe(200);
    await open.close();
  });
});
