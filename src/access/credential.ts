import type { IncomingMessage } from 'node:http';
import { Unauthorized } from '../errors/errors.js';
import { doorOf } from './door.js';

/** Headers that carry a credential somewhere in this service: two different ones in one request are refused, wherever they stand. */
const CREDENTIAL_HEADERS = new Set(['authorization', 'coder-session-token', 'x-api-key']);

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i;

const LONGEST = 4_096;

/**
 * The one credential of a request: as RFC 6750, 2.1 writes it, or below a door in the header that this door's clients send in its place.
 * Reads the raw headers: Node would silently keep the first of two.
 */
export function credentialOf(request: IncomingMessage): string {
  const { rawHeaders } = request;
  const carriers: string[] = [];
  let credential: string | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (!CREDENTIAL_HEADERS.has(name)) continue;
    const written = rawHeaders[index + 1] ?? '';
    const found = name === 'authorization' ? BEARER.exec(written)?.[1] : written.trim();
    if (found === undefined) throw new Unauthorized('the Authorization header is no bearer credential');
    if (credential !== undefined && credential !== found) throw new Unauthorized('two different credentials');
    credential = found;
    carriers.push(name);
  }
  const isCarried =
    carriers.includes('authorization') ||
    (carriers.length > 0 && carriers.includes(doorOf(request.url ?? '')?.credentialHeader ?? ''));
  if (credential === undefined || !isCarried) throw new Unauthorized('no credential');
  if (credential.length > LONGEST) throw new Unauthorized('an overlong credential');
  return credential;
}
