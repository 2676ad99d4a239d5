import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { NotModified, Page, Tagged, Text } from '../access/answer.js';
import { ignoresUnknown } from '../access/route-policy.js';
import { InvalidRequest } from '../errors/errors.js';
import { UnreadableBody } from './body.js';

/**
 * Around every handler, after the guards: refuses what the route does not take (an unreadable body, fields or parameters that it does not
 * know), and writes what the answer says besides its body: entity tags, the link to the next page, 304.
 */
@Injectable()
export class AnswerInterceptor implements NestInterceptor<unknown, unknown> {
  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    refuseUnknown(request, takenBy(context));
    return next.handle().pipe(map((answer) => write(answer, request, http.getResponse<FastifyReply>())));
  }
}

function write(answer: unknown, request: FastifyRequest, reply: FastifyReply): unknown {
  if (answer instanceof Tagged) {
    void reply.header('etag', quoted(answer.tag));
    return answer.body;
  }
  if (answer instanceof NotModified) {
    void reply.status(304).header('etag', quoted(answer.tag));
    return undefined;
  }
  if (answer instanceof Page) {
    if (answer.next !== null) void reply.header('link', `<${nextUrl(request, answer.next)}>; rel="next"`);
    return answer.items;
  }
  if (answer instanceof Text) {
    void reply.type(answer.type);
    if (answer.tag !== null) void reply.header('etag', quoted(answer.tag));
    return answer.content;
  }
  return answer;
}

function quoted(tag: number): string {
  return `"${String(tag)}"`;
}

function nextUrl(request: FastifyRequest, cursor: string): string {
  const [path = '', query = ''] = request.url.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', cursor);
  return `${path}?${parameters.toString()}`;
}

type Taken = Readonly<{ body: boolean; query: boolean }>;

function refuseUnknown(request: FastifyRequest, taken: Taken): void {
  const { body, query } = request;
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
  const taken = { body: anything || kinds.includes(BODY), query: anything || kinds.includes(QUERY) };
  known.set(handler, taken);
  return taken;
}
