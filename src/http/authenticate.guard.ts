import { Injectable, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../access/caller.js';
import { credentialOf } from '../access/credential.js';
import { originOf, ROUTE_POLICY, type RoutePolicy } from '../access/route-policy.js';
import { Unauthorized, Unexpected } from '../errors/errors.js';
import { OpaqueTokens } from '../identity/tokens/opaque-tokens.js';
import { SessionStrategy } from '../identity/sessions/session.strategy.js';
import { NEVER_LIMITED, RateLimit } from './rate-limit.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set by the authenticate guard (passport writes it for sessions). */
    user?: Caller;
  }
}

/** Any credential → `Caller`: sessions through passport-jwt, opaque tokens by their hash. Nothing else is decided here. */
@Injectable()
export class AuthenticateGuard extends AuthGuard() {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: OpaqueTokens,
    private readonly rateLimit: RateLimit,
    sessions: SessionStrategy,
  ) {
    super({ defaultStrategy: sessions.name });
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const policy = this.reflector.get<RoutePolicy | undefined>(ROUTE_POLICY, context.getHandler());
    if (policy === undefined) throw new Unexpected('a route without a policy was reached');
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const isLimited = !NEVER_LIMITED.has(policy.action);
    if (policy.need !== 'nobody') await this.identify(context);
    else if (isLimited) await this.rateLimit.countAddress(request);
    if (isLimited && request.user !== undefined) await this.rateLimit.countCaller(request, request.user);
    return true;
  }

  /** Sets `request.user`, or throws `Unauthorized`; guesses count for the address that they come from. */
  async identify(context: ExecutionContext): Promise<void> {
    try {
      await this.recognise(context);
    } catch (error) {
      if (error instanceof Unauthorized) {
        await this.rateLimit.countAddress(context.switchToHttp().getRequest<FastifyRequest>());
      }
      throw error;
    }
  }

  /** The same for somebody who asks for nothing: a request that is still being answered. Nothing is counted. */
  async recognise(context: ExecutionContext): Promise<void> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const credential = credentialOf(request.raw);
    if (OpaqueTokens.looksLikeOne(credential)) {
      request.user = await this.tokens.callerOf(credential, originOf(request));
    } else {
      await super.canActivate(context);
    }
  }

  /** Passport's verdict on a session token: whatever was wrong with it, the answer is the same. An outage stays an outage. */
  override handleRequest<T>(error: unknown, caller: T | false | null): T {
    if (error instanceof Error) throw error;
    if (caller === false || caller === null) throw new Unauthorized('the session token does not hold');
    return caller;
  }
}
