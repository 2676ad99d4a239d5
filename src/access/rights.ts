import type { Permission } from './permissions.js';
import { covers, type ScopeIds } from './scope.js';

/** One grant, token or trust as the caller holds it: these permissions, in this scope and below it. */
export type Holding = Readonly<{
  permissions: ReadonlySet<Permission>;
  at: ScopeIds;
  /** Whether it is the built-in owner role: an owner may give any permission in their scope. */
  owner: boolean;
  /** Which grant or token this is, for explanations: `owner in acme/web`. */
  because: string;
}>;

/**
 * Everything that a caller may do in one organisation. Pure: it decides and knows nothing of how the holdings were found.
 * No holding means no permission; an empty set of permissions never means "all".
 */
export class Rights {
  constructor(readonly holdings: readonly Holding[]) {}

  /** What the caller may do exactly there: by holdings at that scope or above it. */
  at(scope: ScopeIds): ReadonlySet<Permission> {
    const found = new Set<Permission>();
    for (const holding of this.holdings) {
      if (covers(holding.at, scope)) for (const permission of holding.permissions) found.add(permission);
    }
    return found;
  }

  holds(permission: Permission, scope: ScopeIds): boolean {
    return this.holdings.some((holding) => holding.permissions.has(permission) && covers(holding.at, scope));
  }

  /** Whether some permission is held at the scope, above it or below it. */
  sees(scope: ScopeIds): boolean {
    return this.holdings.some(
      (holding) => holding.permissions.size > 0 && (covers(holding.at, scope) || covers(scope, holding.at)),
    );
  }

  /** Whether the permission is held at the scope, above it, or anywhere below it. */
  holdsSomewhere(permission: Permission, scope: ScopeIds): boolean {
    return this.holdings.some(
      (holding) =>
        holding.permissions.has(permission) && (covers(holding.at, scope) || covers(scope, holding.at)),
    );
  }

  /** The boundary rule: what of `wanted` the caller may not give away, take away or change in that scope. */
  lacksToGive(wanted: Iterable<Permission>, scope: ScopeIds): Permission[] {
    if (this.holdings.some((holding) => holding.owner && covers(holding.at, scope))) return [];
    const held = this.at(scope);
    return [...wanted].filter((permission) => !held.has(permission));
  }
}
