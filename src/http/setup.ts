import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import type { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { carryOrigin } from '../access/route-policy.js';
import { Address } from '../access/address.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/token.js';
import { InvalidRequest } from '../errors/errors.js';
import { isExchange } from '../identity/federation/exchange.errors.js';
import { AnsweringAdapter } from './answering.adapter.js';
import { AuthenticateGuard } from './authenticate.guard.js';
import { readBodies } from './body.js';
import { send } from './error.filter.js';
import { KnownPaths, LONGEST_PARAMETER, refuseMethod } from './method-not-allowed.js';
import { refusalOfOldClient } from './min-client.js';
import { Metrics } from './metrics.js';
import { RateLimit } from './rate-limit.js';
import { answerUnreadable } from './unreadable.js';

/** The one route whose bodies may be larger: many changes at once. */
const CHANGES = /^\/[^/]+\/[^/]+\/envs\/[^/]+\/changes(?:\?|$)/;
const LONGEST_USER_AGENT = 256;

/** The HTTP server of `main` and of the tests alike. */
export function httpAdapter(): FastifyAdapter {
  const logger = new Logger('http');
  return new AnsweringAdapter({
    exposeHeadRoutes: false,
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    // A client that sends its request slower than this is not waited for.
    requestTimeout: 30_000,
    keepAliveTimeout: 72_000,
    bodyLimit: 9 * 1024 * 1024,
    // While the service ends, a connection that is open is served once more and then closed; Fastify's own 503 has another form.
    return503OnClosing: false,
    clientErrorHandler: answerUnreadable,
    // Node's own refusal of a request without Host carries none of our headers: ours is below.
    // And a request that is too slow is noticed within five seconds, not thirty.
    http: { requireHostHeader: false, connectionsCheckingInterval: 5_000 },
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      writeCommonHeaders(request, reply);
      send(logger, error, request, reply);
    },
  });
}

/**
 * What happens to every request before a route is reached, without a promise where nothing has to be waited for. To be called before
 * `app.init()`.
 */
export function setUpHttp(app: NestFastifyApplication, trustedProxies: readonly string[]): void {
  const fastify = app.getHttpAdapter().getInstance();
  const address = new Address(trustedProxies);
  const paths = new KnownPaths(fastify);
  const { minClient: minimum } = app.get<Config>(CONFIG);
  const authenticate = app.get(AuthenticateGuard);
  let pathAt: ReturnType<KnownPaths['finder']> | undefined;

  forgiveNotModified(app);
  const metrics = app.get(Metrics);
  fastify.addHook('onResponse', (request, reply, done) => {
    metrics.note(request, reply);
    done();
  });
  readBodies(fastify, (url) => (CHANGES.test(url) ? 8 : 1), isExchange);
  fastify.addHook('onRequest', (request, reply, done) => {
    writeCommonHeaders(request, reply);
    const userAgent = request.headers['user-agent'] ?? '';
    carryOrigin(request, {
      ip: address.of(request.raw),
      userAgent: userAgent.slice(0, LONGEST_USER_AGENT),
      requestId: request.id,
    });
    const refusal =
      refusalWithoutHost(request) ??
      (minimum === null ? null : refusalOfOldClient(request.url, userAgent, minimum));
    const path = request.routeOptions.url;
    if (refusal !== null) done(refusal);
    else if (path !== undefined && !paths.mayBeAnother(path)) done();
    else {
      pathAt ??= paths.finder();
      const identify = (): Promise<void> => authenticate.identify(new ExecutionContextHost([request, reply]));
      refuseMethod(request, pathAt, identify).then(() => {
        done();
      }, done);
    }
  });
}

function refusalWithoutHost({ raw, headers }: FastifyRequest): Error | null {
  if (raw.httpVersion !== '1.1' || headers.host !== undefined) return null;
  return new InvalidRequest([], 'The request names no host.');
}

/** After everything else that can decide about the status. */
function forgiveNotModified(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  const rateLimit = app.get(RateLimit);
  fastify.addHook('onSend', (request, reply, payload, done) => {
    if (reply.statusCode !== 304) {
      done(null, payload);
      return;
    }
    const forgiving = rateLimit.forgive(request);
    if (forgiving === null) done(null, payload);
    else
      forgiving.then(() => {
        done(null, payload);
      }, done);
  });
}

function writeCommonHeaders(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header('x-request-id', request.id);
  // Nothing that this service answers is for a cache: most of it is about secrets.
  void reply.header('cache-control', 'no-store');
  void reply.header('x-content-type-options', 'nosniff');
}
