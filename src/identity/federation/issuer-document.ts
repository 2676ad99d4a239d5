import { lookup } from 'node:dns/promises';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { isPublicAddress } from './public-address.js';
import { bareHost } from './trust-rules.js';

/** Twice as much as the largest key set that a known issuer publishes. */
export const LARGEST_DOCUMENT = 128 * 1024;

/** What an issuer publishes could not be had. The reason is for those who manage the trust, never for the one who sent a token. */
export class IssuerUnreachable extends Error {
  override readonly name = 'IssuerUnreachable';
}

/** All addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export type Reach = Readonly<{
  /** In-house issuers: http, and addresses that are not the public's. */
  allowPrivate: boolean;
  /** Ends the whole attempt. */
  signal: AbortSignal;
  resolve?: Resolve;
}>;

/**
 * Reads a JSON document that an issuer publishes, and touches nothing else. Whoever makes a trust chooses the URL, so it must not become a
 * way into the network of this server: https only, every address of the host must be public, the name is looked up once and the
 * connection goes to the very address that was checked, no redirect is followed, no proxy asked, and size and time are limited.
 * Throws `IssuerUnreachable`.
 */
export async function readIssuerDocument(text: string, reach: Reach): Promise<unknown> {
  const url = allowedUrl(text, reach.allowPrivate);
  const body = await bodyOf(url, reach);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch {
    throw new IssuerUnreachable(`${url.host} did not answer with JSON`);
  }
}

async function bodyOf(url: URL, reach: Reach): Promise<Buffer> {
  try {
    reach.signal.throwIfAborted();
    const address = await addressOf(url, reach);
    return await beforeAbort(download(url, address, reach.signal), reach.signal);
  } catch (error) {
    if (error instanceof IssuerUnreachable) throw error;
    if (reach.signal.aborted) throw new IssuerUnreachable(`${url.host} did not answer in time`);
    throw new IssuerUnreachable(`${url.host} cannot be reached (${codeOf(error)})`);
  }
}

function allowedUrl(text: string, allowPrivate: boolean): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isAllowed = url?.protocol === 'https:' || (allowPrivate && url?.protocol === 'http:');
  if (url === null || !isAllowed || url.username !== '' || url.password !== '') {
    throw new IssuerUnreachable('a URL of the issuer is not an https URL');
  }
  return url;
}

/** The checked address that the connection goes to. One address that is not public spoils them all: the next answer might begin with it. */
async function addressOf(url: URL, { allowPrivate, signal, resolve = resolveHost }: Reach): Promise<string> {
  const host = bareHost(url.hostname);
  const addresses = isIP(host) === 0 ? await beforeAbort(resolve(host), signal) : [host];
  const [first] = addresses;
  if (first === undefined) throw new IssuerUnreachable(`${url.host} has no address`);
  if (!allowPrivate && !addresses.every(isPublicAddress)) {
    throw new IssuerUnreachable(`${url.host} is at an address that is not public`);
  }
  return first;
}

async function resolveHost(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** Whatever hangs, the deadline does not. */
async function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the deadline has passed')), { once: true });
  });
  return Promise.race([work, aborted]);
}

function download(url: URL, address: string, signal: AbortSignal): Promise<Buffer> {
  const isTls = url.protocol === 'https:';
  const host = bareHost(url.hostname);
  return new Promise((resolve, reject) => {
    const sent = (isTls ? requestHttps : requestHttp)(
      {
        // An address, so nothing is looked up any more; the certificate must be the name's.
        host: address,
        port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
        ...(isTls && isIP(host) === 0 ? { servername: host } : {}),
        path: url.pathname + url.search,
        headers: { host: url.host, accept: 'application/json', 'accept-encoding': 'identity' },
        agent: false,
        signal,
      },
      (answer) => {
        readBody(url, answer).then(resolve, (error: unknown) => {
          sent.destroy();
          reject(error instanceof Error ? error : new Error('the answer broke off'));
        });
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

async function readBody(url: URL, answer: IncomingMessage): Promise<Buffer> {
  if (answer.statusCode !== 200) {
    throw new IssuerUnreachable(`${url.host} answered ${String(answer.statusCode)} and not 200`);
  }
  if (!['', 'identity'].includes(answer.headers['content-encoding'] ?? '')) {
    throw new IssuerUnreachable(`${url.host} answered in an encoding that it was not asked for`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_DOCUMENT) {
      throw new IssuerUnreachable(`${url.host} answered with more than ${String(LARGEST_DOCUMENT)} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What went wrong on the way, without an address in it: `ECONNREFUSED`, `CERT_HAS_EXPIRED`. */
function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'the connection broke off';
}
