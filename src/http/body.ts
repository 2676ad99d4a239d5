import type { FastifyInstance, FastifyRequest } from 'fastify';
import sjson from 'secure-json-parse';
import { CofferError, InvalidRequest } from '../errors/errors.js';

const MIB = 1024 * 1024;
const DEEPEST = 32;

/**
 * A body that could not be read. It takes the body's place until the guards have decided: nobody learns from a 400 what a 401 or a 403 would
 * have hidden. The answer interceptor throws it.
 */
export class UnreadableBody {
  constructor(readonly error: CofferError) {}
}

/** Reads JSON bodies, never throwing: what is wrong with one is told after the guards. `limitOf` says how many MiB a path may send. */
export function readBodies(fastify: FastifyInstance, limitOf: (path: string) => number): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    'application/json',
    async (request: FastifyRequest, payload: AsyncIterable<Buffer>) => {
      const bytes = await readUpTo(payload, limitOf(request.url) * MIB, request.headers['content-length']);
      return bytes === null ? tooLarge(limitOf(request.url)) : parse(bytes);
    },
  );
  fastify.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    const problem = 'The body must be JSON, with Content-Type: application/json.';
    done(null, new UnreadableBody(new CofferError('unsupported_media_type', problem)));
  });
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

function malformed(): UnreadableBody {
  return new UnreadableBody(new InvalidRequest([], 'The body must be valid JSON in UTF-8.'));
}

function parse(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const body: unknown = sjson.parse(text, undefined, { protoAction: 'error', constructorAction: 'ignore' });
    return isTooDeep(body) ? malformed() : body;
  } catch {
    return malformed();
  }
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
