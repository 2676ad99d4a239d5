import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { NotModified, Page, Tagged, Text } from '../access/answer.js';

/**
 * Writes what an answer says besides its body: entity tags, the link to the next page, a type of its own, 304. Here, as the last step, and
 * not in an interceptor: those would wrap every answer of the service in a stream.
 */
export class AnsweringAdapter extends FastifyAdapter {
  override reply(...[response, answer, status]: Parameters<FastifyAdapter['reply']>): FastifyReply {
    // A raw response of Node's is never handed out here.
    const reply = response as FastifyReply;
    if (answer instanceof NotModified) {
      void reply.header('etag', quoted(answer.tag));
      return super.reply(reply, undefined, 304);
    }
    return super.reply(reply, bodyOf(answer, reply), status);
  }
}

function bodyOf(answer: unknown, reply: FastifyReply): unknown {
  if (answer instanceof Text) {
    void reply.type(answer.type);
    if (answer.tag !== null) void reply.header('etag', quoted(answer.tag));
    return textIfShort(answer.content);
  }
  if (answer instanceof Tagged) {
    void reply.header('etag', quoted(answer.tag));
    return answer.body;
  }
  if (answer instanceof Page) {
    const { items, next } = answer;
    if (next !== null) void reply.header('link', `<${nextUrl(reply.request.url, next)}>; rel="next"`);
    return items;
  }
  return answer;
}

const SHORT_BYTES = 8 * 1024;

/** Node sends a short text together with the headers before it, bytes apart from them. */
function textIfShort(content: string | Buffer): string | Buffer {
  return typeof content === 'string' || content.length > SHORT_BYTES ? content : content.toString('utf8');
}

function quoted(tag: number): string {
  return `"${String(tag)}"`;
}

function nextUrl(url: string, cursor: string): string {
  const [path = '', ...query] = url.split('?');
  const parameters = new URLSearchParams(query.join('?'));
  parameters.set('cursor', cursor);
  return `${path}?${parameters.toString()}`;
}
