import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { claimOf } from '../access/route-policy.js';
import { doorOf } from '../access/door.js';
import { ERROR_STATUS } from '../access/error-status.js';
import { CofferError, InvalidRequest, NotFound, Unavailable, Unexpected } from '../errors/errors.js';
import { exchangeAnswer, isExchange } from '../identity/federation/exchange.errors.js';
import { coderAnswer } from '../personal/coder.errors.js';
import { dreadnodeAnswer } from '../personal/dreadnode.errors.js';

/**
 * Every error of every request ends here: one table from code to status, one shape for each family of paths, and nothing in it that the
 * caller must not see.
 */
@Catch()
export class ErrorFilter implements ExceptionFilter<unknown> {
  private readonly logger = new Logger('http');

  async catch(thrown: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const error = await toBeTold(thrown, request);
    if (!reply.sent) send(this.logger, error, request, reply);
  }
}

/** Before anything is said about a request that was let in from memory, the database is asked whether it may be in at all. */
async function toBeTold(thrown: unknown, request: FastifyRequest): Promise<unknown> {
  // That something cannot be reached tells nothing, and asking it once more helps nobody.
  if (thrown instanceof Unavailable) return thrown;
  try {
    await claimOf(request)?.prove();
    return thrown;
  } catch (refusal) {
    return refusal;
  }
}

/** The answer to an error, also for those that Fastify finds before Nest is asked. */
export function send(logger: Logger, thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const error = ours(thrown);
  const { status, body } = answerTo(error, request.url);
  if (status >= 500)
    logger.error({ requestId: request.id, code: error.code, cause: describe(error.facts.cause) });
  writeHeaders(error, reply);
  void reply.status(status).type('application/json; charset=utf-8').send(JSON.stringify(body));
}

/** In the envelope of the door that the path belongs to, as OAuth has it where that is spoken, or else in this service's own. */
function answerTo(error: CofferError, url: string): { status: number; body: object } {
  if (isExchange(url)) return exchangeAnswer(error);
  switch (doorOf(url)?.name) {
    case 'coder':
      return coderAnswer(error);
    case 'dreadnode':
      return dreadnodeAnswer(error);
    default: {
      const { details } = error.facts;
      const body = { error: error.message, code: error.code, ...(details === undefined ? {} : { details }) };
      return { status: ERROR_STATUS[error.code], body };
    }
  }
}

function writeHeaders(error: CofferError, reply: FastifyReply): void {
  const { retryAfter, allow } = error.facts;
  if (error.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer');
  if (retryAfter !== undefined) void reply.header('retry-after', String(retryAfter));
  if (allow !== undefined) void reply.header('allow', allow.join(', '));
  // The rest of a body that is too large is not waited for.
  if (error.code === 'too_large') void reply.header('connection', 'close');
}

function ours(thrown: unknown): CofferError {
  if (thrown instanceof CofferError) return thrown;
  if (thrown instanceof HttpException && thrown.getStatus() === 404) return new NotFound();
  const status = statusOf(thrown);
  if (status === 404) return new NotFound();
  if (status === 413) return new CofferError('too_large', 'The request is too large.');
  if (status === 415) return new CofferError('unsupported_media_type', 'The body must be JSON.');
  if (status >= 400 && status < 500) return new InvalidRequest([], 'The request is malformed.');
  return new Unexpected('an error that nobody expected', thrown);
}

function statusOf(thrown: unknown): number {
  if (thrown instanceof HttpException) return thrown.getStatus();
  if (
    typeof thrown === 'object' &&
    thrown !== null &&
    'statusCode' in thrown &&
    typeof thrown.statusCode === 'number'
  ) {
    return thrown.statusCode;
  }
  return 500;
}

/** For the log: what happened and where, without the parameters and the details of a database error, which can quote a row. */
function describe(cause: unknown): string {
  if (cause instanceof Error) {
    const nested = cause.cause === undefined ? '' : ` ← ${describe(cause.cause)}`;
    const place = cause.stack?.split('\n').slice(1, 6).join('\n') ?? '';
    return `${cause.name}: ${cause.message}\n${place}${nested}`;
  }
  return typeof cause === 'string' ? cause : 'unknown';
}
