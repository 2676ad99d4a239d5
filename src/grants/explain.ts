import { PERMISSIONS } from '../access/permissions.js';
import type { Rights } from '../access/rights.js';
import { covers, type ScopeIds } from '../access/scope.js';
import type { HeldPermissionView } from './grant.view.js';

/** What the rights come to in a scope: each permission that is held there, with the grants that it comes from. Pure. */
export function explain(rights: Rights, at: ScopeIds): HeldPermissionView[] {
  const here = rights.holdings.filter((holding) => covers(holding.at, at));
  return PERMISSIONS.flatMap((permission) => {
    const because = here
      .filter((holding) => holding.permissions.has(permission))
      .map((holding) => holding.because);
    return because.length === 0 ? [] : [{ permission, because: [...new Set(because)] }];
  });
}
