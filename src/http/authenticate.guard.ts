import { Injectable, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../access/caller.js';
import { credentialOf } from '../access/credential.js';
import { isSlug } from '../access/slug.js';
import { originOf, ROUTE_POLICY, type RoutePolicy } from '../access/route-policy.js';
import { Unauthorized, Unexpected } from '../errors/errors.js';
import { OpaqueTokens } from '../identity/tokens/opaque-tokens.js';
import { SessionStrategy } from '../identity/sessions/session.strategy.js';
import { ClaimMemory, type Remembered } from './claim-memory.js';
import { NEVER_LIMITED, RateLimit } from './rate-limit.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set by the authenticate guard (passport writes it for sessions). */
    user?: Caller;
    /** On routes whose answer is proven by the ledger: what is remembered under which key. */
    claim?: Readonly<{ key: string; remembered: Remembered | undefined }>;
  }
}

/** Any credential → `Caller`: sessions through passport-jwt, opaque tokens by their hash. Nothing else is decided here. */
@Injectable()
export class AuthenticateGuard extends AuthGuard() {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: OpaqueTokens,
    private readonly rateLimit: RateLimit,
    private readonly claims: ClaimMemory,
    sessions: SessionStrategy,
  ) {
    super({ defaultStrategy: sessions.name });
  }

  /** Without a promise where the caller is remembered: most reads come this way. */
  override canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const policy = this.reflector.get<RoutePolicy | undefined>(ROUTE_POLICY, context.getHandler());
    if (policy === undefined) throw new Unexpected('a route without a policy was reached');
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const isKnown = policy.isClaimed && this.remembers(request, policy);
    if (!isKnown && policy.need !== 'nobody') return this.admit(context, request, policy);
    const counting = this.count(request, policy);
    return counting === null ? true : counting.then(() => true);
  }

  private async admit(
    context: ExecutionContext,
    request: FastifyRequest,
    policy: RoutePolicy,
  ): Promise<boolean> {
    await this.identify(context);
    await this.count(request, policy);
    return true;
  }

  private count(request: FastifyRequest, { action }: RoutePolicy): null | Promise<void> {
    if (NEVER_LIMITED.has(action)) return null;
    const { user } = request;
    return user === undefined
      ? this.rateLimit.countAddress(request)
      : this.rateLimit.countCaller(request, user);
  }

  /** Whether memory knows who asks, for a route whose answer proves it. */
  private remembers(request: FastifyRequest, policy: RoutePolicy): boolean {
    const origin = originOf(request);
    const credential = credentialIfAny(request);
    if (credential === null) return false;
    const key = ClaimMemory.keyOf(credential, origin, policy.need, namesIn(request));
    const remembered = this.claims.find(key, origin);
    request.claim = { key, remembered };
    if (remembered === undefined) return false;
    request.user = remembered.caller;
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

/** What is no credential is refused, and counted, where all of them are. */
function credentialIfAny(request: FastifyRequest): string | null {
  try {
    return credentialOf(request.raw);
  } catch {
    return null;
  }
}

/** Organisation, project and environment of the path. What cannot be a name has no entry in any memory. */
function namesIn({ params }: FastifyRequest): string {
  const { o = '', p = '', envName = '' } = params as Readonly<Record<string, string | undefined>>;
  return isSlug(o) && isSlug(p) && isSlug(envName) ? `${o}/${p}/${envName}` : '';
}
