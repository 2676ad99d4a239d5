import { createHash } from 'node:crypto';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Access, type AnyAccess, type Need } from '../access/access.js';
import type { Stamp } from '../access/basis.js';
import type { Caller } from '../access/caller.js';
import { Claim } from '../access/claim.js';
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

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const policy = this.reflector.get<RoutePolicy>(ROUTE_POLICY, context.getHandler());
    const { need } = policy;
    if (need === 'nobody') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { claim, user: caller } = request;
    if (caller === undefined) throw new Unexpected('the authorize guard ran before the authenticate guard');
    const asked = { context, request, policy, need };
    if (claim === undefined) return this.prove(asked, caller);
    if (claim.remembered === undefined) return this.proveClaim(asked, caller, claim.key);
    const { scope, rights, basis } = claim.remembered;
    const askAnew = (): Promise<AnyAccess> => this.askAnew(asked, claim.key);
    carryClaim(request, Claim.remembered(Access.decided(caller, scope, rights), basis, askAnew));
    return true;
  }

  private async prove(asked: Asked, caller: Caller): Promise<boolean> {
    const { access } = await this.decide(asked, caller);
    carryAccess(asked.request, access);
    carryStanding(asked.request, this.standing(asked, access));
    return true;
  }

  private async proveClaim(asked: Asked, caller: Caller, key: string): Promise<boolean> {
    carryClaim(asked.request, Claim.proven(await this.decideAndKeep(asked, caller, key)));
    return true;
  }

  /** When what was remembered does not hold: who asks and what they may, as the database has it now. */
  private async askAnew(asked: Asked, key: string): Promise<AnyAccess> {
    this.claims.forget(key);
    await this.authenticate.identify(asked.context);
    const { user } = asked.request;
    if (user === undefined) throw new Unexpected('a caller was identified and is not there');
    return this.decideAndKeep(asked, user, key);
  }

  private async decideAndKeep(asked: Asked, caller: Caller, key: string): Promise<AnyAccess> {
    const { access, stamp } = await this.decide(asked, caller);
    if (stamp !== null) this.claims.keep(key, caller, access.scope, access.rights, stamp);
    return access;
  }

  /** The same two questions once more, for an answer that goes on. Nothing is recorded: nobody asks for anything anew. */
  private standing({ context, request, policy, need }: Asked, access: AnyAccess): Standing {
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
    { need, policy, request }: Asked,
    caller: Caller,
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

/** A request at a route that asks for something. */
type Asked = Readonly<{
  context: ExecutionContext;
  request: FastifyRequest;
  policy: RoutePolicy;
  need: Need;
}>;

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
