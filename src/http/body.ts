import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import sjson from 'secure-json-parse';
import { doorOf } from '../access/door.js';
import { CofferError, InvalidRequest } from '../errors/errors.js';

const MIB = 1024 * 1024;
const DEEPEST = 32;
const MOST_FIELDS = 100;

/** RFC 9110, 8.3.1. */
const MEDIA_TYPE = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/;

/**
 * A body that could not be read. It takes the body's place until the guards have decided: nobody learns from a 400 what a 401 or a 403 would
 * have hidden. The last guard throws it.
 */
export class UnreadableBody {
  constructor(readonly error: CofferError) {}
}

/**
 * Reads JSON bodies, never throwing: what is wrong with one is told after the guards. `limitOf` says how many MiB a path may send;
 * `takesForms`, whether it takes the form of a web page too.
 */
export function readBodies(
  fastify: FastifyInstance,
  limitOf: (path: string) => number,
  takesForms: (path: string) => boolean,
): void {
  fastify.removeAllContentTypeParsers();
  // Fastify refuses what is no media type at all before the guards have been asked: to it all of these are one unknown type.
  fastify.addHook('onRequest', ({ headers }, _reply, done) => {
    const type = headers['content-type'];
    if (type !== undefined && !MEDIA_TYPE.test(type)) headers['content-type'] = 'application/octet-stream';
    done();
  });
  fastify.addContentTypeParser('application/json', async (request: FastifyRequest, payload: Readable) => {
    if (!isPlainUtf8(request)) return unsupported(request, payload);
    const bytes = await readUpTo(payload, limitOf(request.url) * MIB, request.headers['content-length']);
    return bytes === null ? tooLarge(limitOf(request.url)) : parse(bytes, protoActionAt(request.url));
  });
  fastify.addContentTypeParser(
    'application/x-www-form-urlencoded',
    async (request: FastifyRequest, payload: Readable) => {
      if (!takesForms(request.url) || !isPlainUtf8(request)) return unsupported(request, payload);
      const bytes = await readUpTo(payload, limitOf(request.url) * MIB, request.headers['content-length']);
      return bytes === null ? tooLarge(limitOf(request.url)) : parseForm(bytes);
    },
  );
  fastify.addContentTypeParser('*', async (request: FastifyRequest, payload: Readable) =>
    unsupported(request, payload),
  );
}

/** Whether a body does not say of itself that it is something else than UTF-8 as it stands (RFC 9110, 8.3.2 and 8.4). */
function isPlainUtf8({ headers }: FastifyRequest): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(headers['content-type'] ?? '')?.[1] ?? '';
  const encoding = headers['content-encoding'] ?? '';
  return /^(?:utf-?8|us-ascii|)$/i.test(charset) && /^(?:identity|)$/i.test(encoding.trim());
}

/** A type without a body says nothing: `curl -d ''` sends one. */
function unsupported(request: FastifyRequest, payload: Readable): UnreadableBody | undefined {
  payload.resume();
  if (request.headers['content-length'] === '0') return undefined;
  const problem = 'The body must be JSON in UTF-8 and not compressed, with Content-Type: application/json.';
  return new UnreadableBody(new CofferError('unsupported_media_type', problem));
}

async function readUpTo(
  payload: AsyncIterable<Buffer>,
  limit: number,
  announced?: string,
): Promise<Buffer | null> {
  if (announced !== undefined && Number(announced) > limit) return null;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of payload) {
    size += chunk.length;
    if (size > limit) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(mebibytes: number): UnreadableBody {
  return new UnreadableBody(
    new CofferError('too_large', `The body may have ${String(mebibytes)} MiB at the most.`),
  );
}

function malformed(what = 'JSON'): UnreadableBody {
  return new UnreadableBody(new InvalidRequest([], `The body must be valid ${what} in UTF-8.`));
}

/** What becomes of a field named `__proto__`: below the doors to personal secrets unknown fields are ignored, whatever they are called. */
function protoActionAt(url: string): 'error' | 'remove' {
  return doorOf(url) === null ? 'error' : 'remove';
}

function parse(bytes: Buffer, protoAction: 'error' | 'remove'): unknown {
  if (bytes.length === 0) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const body: unknown = sjson.parse(text, undefined, { protoAction, constructorAction: 'ignore' });
    return isTooDeep(body) ? malformed() : body;
  } catch {
    return malformed();
  }
}

/** A form as OAuth writes it (RFC 6749, appendix B): no field twice, and one without a value counts as left out. */
function parseForm(bytes: Buffer): unknown {
  const fields = new Map<string, string>();
  try {
    const pairs = new TextDecoder('utf-8', { fatal: true }).decode(bytes).split('&');
    if (pairs.length > MOST_FIELDS) return malformed('form');
    for (const pair of pairs) {
      const [name = '', ...value] = pair
        .split('=')
        .map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
      if (fields.has(name) || name === '__proto__') return malformed('form');
      if (value.length > 0 && value.join('=') !== '') fields.set(name, value.join('='));
    }
  } catch {
    return malformed('form');
  }
  return Object.fromEntries(fields);
}

/** Level by level and without recursion: a body of a million brackets must not end the stack. */
function isTooDeep(body: unknown): boolean {
  let level: unknown[] = [body];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEEPEST) return true;
    level = level.flatMap((part) =>
      typeof part === 'object' && part !== null ? Object.values(part as Record<string, unknown>) : [],
    );
  }
  return false;
}
