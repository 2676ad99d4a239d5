import { createHash } from 'node:crypto';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Access, type AnyAccess, type Need } from '../access/access.js';
import type { Stamp } from '../access/basis.js';
import type { Caller } from '../access/caller.js';
import { Claim, type AnyClaim } from '../access/claim.js';
import { credentialOf } from '../access/credential.js';
import type { Permission } from '../access/permissions.js';
import type { Rights } from '../access/rights.js';
import { carryAccess, carryClaim, ROUTE_POLICY, type RoutePolicy } from '../access/route-policy.js';
import { scopeIds, type Scope } from '../access/scope.js';
import { carryStanding, type Standing } from '../access/standing.js';
import { Audit } from '../audit/audit.js';
import { Forbidden, NotFound, Unauthorized, Unexpected } from '../errors/errors.js';
import { ScopeResolver, type ScopeNames } from '../tenancy/scope-resolver.js';
import { AuthenticateGuard } from './authenticate.guard.js';
import { ClaimMemory } from './claim-memory.js';

/**
 * Caller and scope → `Access`, the proof without which no service method can be called, or a refusal that is on record before it is told.
 * What may not be seen looks like what does not exist.
 */
@Injectable()
export class AuthorizeGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly scopes: ScopeResolver,
    private readonly audit: Audit,
    private readonly authenticate: AuthenticateGuard,
    private readonly claims: ClaimMemory,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const policy = this.reflector.get<RoutePolicy>(ROUTE_POLICY, context.getHandler());
    if (policy.need === 'nobody') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller = request.user;
    if (caller === undefined) throw new Unexpected('the authorize guard ran before the authenticate guard');
    if (policy.isClaimed) {
      carryClaim(request, await this.claim(context, policy.need, policy, request, caller));
      return true;
    }
    const { access } = await this.decide(policy.need, policy, caller, request);
    carryAccess(request, access);
    carryStanding(request, this.standing(context, request, policy, policy.need, access));
    return true;
  }

  /** What is remembered, with the way to ask anew; or what the database says now, to be remembered for the next request. */
  private async claim(
    context: ExecutionContext,
    need: Need,
    policy: RoutePolicy,
    request: FastifyRequest,
    caller: Caller,
  ): Promise<AnyClaim> {
    const { key = '', remembered } = request.claim ?? {};
    const decideAnew = async (asking: Caller): Promise<AnyAccess> => {
      const { access, stamp } = await this.decide(need, policy, asking, request);
      if (stamp !== null) this.claims.keep(key, asking, access.scope, access.rights, stamp);
      return access;
    };
    if (remembered === undefined) return Claim.proven(await decideAnew(caller));
    const access = Access.decided(remembered.caller, remembered.scope, remembered.rights);
    return Claim.remembered(access, remembered.basis, async () => {
      this.claims.forget(key);
      await this.authenticate.identify(context);
      if (request.user === undefined) throw new Unexpected('a caller was identified and is not there');
      return decideAnew(request.user);
    });
  }

  /** The same two questions once more, for an answer that goes on. Nothing is recorded: nobody asks for anything anew. */
  private standing(
    context: ExecutionContext,
    request: FastifyRequest,
    policy: RoutePolicy,
    need: Need,
    access: AnyAccess,
  ): Standing {
    return {
      get key(): string {
        const parts = [credentialOf(request.raw), access.origin.ip, policy.action, scopeKey(access.scope)];
        return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
      },
      holds: async () => {
        try {
          await this.authenticate.recognise(context);
          const names = namesIn(request, policy);
          if (names === null || request.user === undefined) return names === null;
          const { scope, rights } = await this.resolve(request.user, names, policy);
          // Of the same name is not the same: it may have been deleted and made anew.
          if (scopeKey(scope) !== scopeKey(access.scope)) return false;
          return rights.sees(scopeIds(scope)) && isAllowed(rights, need, scope, policy);
        } catch (error) {
          if (error instanceof Unauthorized || error instanceof NotFound) return false;
          throw error;
        }
      },
    };
  }

  private async decide(
    need: Need,
    policy: RoutePolicy,
    caller: Caller,
    request: FastifyRequest,
  ): Promise<Readonly<{ access: AnyAccess; stamp: Stamp | null }>> {
    const names = namesIn(request, policy);
    if (names === null) {
      if (need === 'user' && caller.kind !== 'user') await this.refuse(caller, null, policy, request);
      if (need !== 'user' && need !== 'caller')
        throw new Unexpected(`${policy.action} has a permission and no scope`);
      return { access: Access.decided(caller, null, null), stamp: null };
    }
    const { scope, rights, stamp } = await this.resolve(caller, names, policy);
    if (!rights.sees(scopeIds(scope))) throw new NotFound();
    if (!isAllowed(rights, need, scope, policy)) await this.refuse(caller, scope, policy, request);
    return { access: Access.decided(caller, scope, rights), stamp };
  }

  /**
   * Who may do it in the whole organisation needs no narrower scope to exist: the trail of a project that is gone can still be read.
   */
  private async resolve(
    caller: Caller,
    names: ScopeNames,
    policy: RoutePolicy,
  ): ReturnType<ScopeResolver['resolve']> {
    const isNarrowed = policy.where === 'query' && policy.need !== 'visible' && names.project !== undefined;
    if (!isNarrowed) return this.scopes.resolve(caller, names);
    const whole = await this.scopes.resolve(caller, {
      org: names.org,
      project: undefined,
      environment: undefined,
    });
    const held: ReadonlySet<string> = whole.rights.at(scopeIds(whole.scope));
    return held.has(policy.need) ? whole : this.scopes.resolve(caller, names);
  }

  private async refuse(
    caller: Caller,
    scope: Scope | null,
    policy: RoutePolicy,
    request: FastifyRequest,
  ): Promise<never> {
    const { need } = policy;
    await this.audit.refused(caller, scope?.org.id ?? null, policy.action, {
      ...(scope?.project === undefined ? {} : { project: scope.project.slug }),
      ...(scope?.environment === undefined ? {} : { environment: scope.environment.name }),
      ...namedThing(request),
      permission: need,
    });
    throw need === 'user'
      ? new Forbidden('user', 'This is for people: a service token cannot do it.')
      : new Forbidden(need);
  }
}

/** Where the scope is seen at all. */
function isAllowed(rights: Rights, need: Need, scope: Scope, policy: RoutePolicy): boolean {
  return need === 'visible' || need === 'caller' || holds(rights, need, scope, policy);
}

function scopeKey({ org, project, environment }: Scope): string {
  return [org.id, project?.id, environment?.id].join('/');
}

function holds(rights: Rights, need: Permission | 'user', scope: Scope, policy: RoutePolicy): boolean {
  if (need === 'user') throw new Unexpected(`${policy.action} asks for a user inside an organisation`);
  const ids = scopeIds(scope);
  return policy.where === 'below' ? rights.holdsSomewhere(need, ids) : rights.holds(need, ids);
}

/** The scope that a request is about, by names; null for routes outside of organisations. */
function namesIn(request: FastifyRequest, policy: RoutePolicy): ScopeNames | null {
  const path = request.params as Readonly<Record<string, string | undefined>>;
  if (path['o'] === undefined) return null;
  const narrower = policy.where === 'body' ? request.body : policy.where === 'query' ? request.query : null;
  const project = path['p'] ?? text(narrower, 'project');
  const environment = path['envName'] ?? text(narrower, path['p'] === undefined ? 'environment' : 'envName');
  return { org: path['o'], project, environment: project === undefined ? undefined : environment };
}

/** A malformed name narrows nothing: the permission is then needed in the wider scope, and validation tells what is wrong. */
function text(fields: unknown, name: string): string | undefined {
  if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, name)) return undefined;
  const value: unknown = Reflect.get(fields, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

const TELLABLE = /^[A-Za-z0-9_.-]{1,128}$/;

/** Which secret a refusal was about, if the path names one. */
function namedThing(request: FastifyRequest): { secret?: string } {
  const { name } = request.params as { name?: string };
  return name !== undefined && TELLABLE.test(name) ? { secret: name } : {};
}
