import { Unexpected } from '../errors/errors.js';
import type { Caller, Origin, User } from './caller.js';
import type { Permission } from './permissions.js';
import type { Rights } from './rights.js';
import { scopeIds, type Scope, type ScopeIds } from './scope.js';

/**
 * What a route can ask for:
 * a permission; `visible`: some permission in the scope, above it or below it; `user`: a person, not a service token; `caller`: anybody
 * with a credential.
 */
export type Need = Permission | 'visible' | 'user' | 'caller';

/**
 * Proof that this caller holds `P` in this scope. Only the authorize guard makes one (a wall test holds that), and every service method
 * asks for one as its first argument, so the decision cannot be forgotten.
 */
export class Access<P extends Need> {
  /** Makes the type invariant: a proof of one permission is never accepted as the proof of another. */
  declare private readonly proof: (permission: P) => P;

  private constructor(
    readonly caller: Caller,
    private readonly where: Scope | null,
    private readonly held: Rights | null,
  ) {}

  /** To be called by `http/authorize.guard.ts` alone, after it has decided. Which permission it proves stands in the route's signature. */
  static decided(caller: Caller, scope: Scope | null, rights: Rights | null): AnyAccess {
    return new Access<'caller'>(caller, scope, rights);
  }

  get origin(): Origin {
    return this.caller.origin;
  }

  get scope(): Scope {
    if (this.where === null) throw new Unexpected('a route outside of organisations asked for its scope');
    return this.where;
  }

  /** The caller's rights in the whole organisation, for the boundary rule and for lists that show only what is visible. */
  get rights(): Rights {
    if (this.held === null) throw new Unexpected('a route outside of organisations asked for rights');
    return this.held;
  }

  get ids(): ScopeIds {
    return scopeIds(this.scope);
  }

  get org(): Scope['org'] {
    return this.scope.org;
  }

  get project(): NonNullable<Scope['project']> {
    if (this.scope.project === undefined) throw new Unexpected('a route without a project asked for it');
    return this.scope.project;
  }

  get environment(): NonNullable<Scope['environment']> {
    if (this.scope.environment === undefined)
      throw new Unexpected('a route without an environment asked for it');
    return this.scope.environment;
  }

  /** Project and environment by name, as far as the scope has them. */
  get place(): Readonly<{ project?: string; environment?: string }> {
    const { project, environment } = this.where ?? {};
    if (project === undefined) return {};
    return environment === undefined
      ? { project: project.slug }
      : { project: project.slug, environment: environment.name };
  }

  /** The person who asks. Routes that need `user` never let a service token in. */
  get user(): User {
    if (this.caller.kind !== 'user') throw new Unexpected('a route open to service tokens asked for a user');
    return this.caller.user;
  }
}

/** A proof of whatever permission: for what is the same for all of them, as the record that something was allowed. */
export type AnyAccess = { [P in Need]: Access<P> }[Need];
