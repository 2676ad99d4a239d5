import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { readIssuerDocument } from '../../src/identity/federation/issuer-document.js';
import { selfSigned } from '../support/self-signed.js';
import { ROOT } from '../support/sources.js';

const run = promisify(execFile);
const HOST = 'issuer.example.com';

/** The connection goes to an address; who answers there must still prove to be the name. */
describe('an issuer behind TLS', () => {
  let server: Server;
  let folder: string;
  let port: number;
  const certificate = selfSigned(HOST);
  const seen: { host: string | undefined; servername: unknown }[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-tls-'));
    await writeFile(join(folder, 'ca.pem'), certificate.cert);
    server = createServer(certificate, (request: IncomingMessage, response) => {
      seen.push({ host: request.headers.host, servername: (request.socket as TLSSocket).servername });
      response.end('{"issuer":"itself"}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });

  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** In a process of its own, because Node reads whom it trusts at its start. */
  async function readTrusting(host: string): Promise<string> {
    const script = `
      import { readIssuerDocument } from './src/identity/federation/issuer-document.ts';
      const reach = { allowPrivate: true, signal: AbortSignal.timeout(5000), resolve: async () => ['127.0.0.1'] };
      const answer = readIssuerDocument('https://${host}:${String(port)}/document', reach);
      console.log(JSON.stringify(await answer.catch((error) => error.message)));`;
    const { stdout } = await run(
      process.execPath,
      ['--import', './scripts/typescript.mjs', '--input-type=module', '--eval', script],
      { cwd: ROOT, env: { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') } },
    );
    return JSON.parse(stdout);
  }

  it('is read at the address that was checked, under the name that it has', async () => {
    expect(await readTrusting(HOST)).toEqual({ issuer: 'itself' });
    expect(seen).toEqual([{ host: `${HOST}:${String(port)}`, servername: HOST }]);
  });

  it('is refused when its certificate is that of another name', async () => {
    expect(await readTrusting('another.example.com')).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(seen).toHaveLength(1);
  });

  it('is refused when nobody vouches for its certificate', async () => {
    const reach = {
      allowPrivate: true,
      signal: AbortSignal.timeout(5_000),
      resolve: () => Promise.resolve(['127.0.0.1']),
    };
    await expect(readIssuerDocument(`https://${HOST}:${String(port)}/document`, reach)).rejects.toThrow(
      /CERT|SELF_SIGNED/,
    );
    expect(seen).toHaveLength(1);
  });
});
