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
  const found = new Map<string, Set<string>>();
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = (request.rawHeaders[index] ?? '').toLowerCase();
    if (!CREDENTIAL_HEADERS.has(name)) continue;
    const written = request.rawHeaders[index + 1] ?? '';
    const credential = name === 'authorization' ? BEARER.exec(written)?.[1] : written.trim();
    if (credential === undefined) throw new Unauthorized('the Authorization header is no bearer credential');
    found.set(name, (found.get(name) ?? new Set()).add(credential));
  }
  const different = new Set([...found.values()].flatMap((credentials) => [...credentials]));
  if (different.size > 1) throw new Unauthorized('two different credentials');
  const accepted = found.get('authorization') ?? found.get(doorOf(request.url ?? '')?.credentialHeader ?? '');
  const [credential] = accepted ?? [];
  if (credential === undefined) throw new Unauthorized('no credential');
  if (credential.length > LONGEST) throw new Unauthorized('an overlong credential');
  return credential;
}
