import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import type { FastifyRequest } from 'fastify';
import { ignoresUnknown } from '../access/route-policy.js';
import { InvalidRequest } from '../errors/errors.js';
import { UnreadableBody } from './body.js';

/**
 * The last guard: refuses what the route does not take, when it is known that the caller may ask it at all. An unreadable body or query, fields or
 * parameters of a route that has none.
 */
@Injectable()
export class KnownInputGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    refuseUnknown(context.switchToHttp().getRequest<FastifyRequest>(), takenBy(context));
    return true;
  }
}

type Taken = Readonly<{ body: boolean; query: boolean; anything: boolean }>;

function refuseUnknown({ body, query, url }: FastifyRequest, taken: Taken): void {
  if (!taken.anything && !isText(url))
    throw new InvalidRequest([], 'The query must be percent-encoded UTF-8.');
  if (body instanceof UnreadableBody) throw body.error;
  const unknown = [
    ...(taken.body || typeof body !== 'object' || body === null ? [] : Object.keys(body)),
    ...(taken.query || typeof query !== 'object' || query === null ? [] : Object.keys(query)),
  ];
  if (unknown.length > 0) {
    throw new InvalidRequest(
      unknown.map((name) => ({
        field: name.toWellFormed().slice(0, 100),
        error: 'is not a field of this request',
      })),
    );
  }
}

/** The router has read the path already; what reads the query replaces what is no UTF-8 with something else. */
function isText(url: string): boolean {
  if (!url.includes('%')) return true;
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}

// Nest keeps a handler's parameters as `<kind>:<index>`: 3 is the body, 4 the query.
const BODY = '3';
const QUERY = '4';

const known = new WeakMap<object, Taken>();

function takenBy(context: ExecutionContext): Taken {
  const handler = context.getHandler();
  const seen = known.get(handler);
  if (seen !== undefined) return seen;
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), handler.name) ??
    {}) as object;
  const kinds = Object.keys(parameters).map((name) => name.split(':')[0]);
  const anything = ignoresUnknown(context.getClass());
  const taken = {
    body: anything || kinds.includes(BODY),
    query: anything || kinds.includes(QUERY),
    anything,
  };
  known.set(handler, taken);
  return taken;
}
