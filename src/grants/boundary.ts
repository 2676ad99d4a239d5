import type { AnyAccess } from '../access/access.js';
import type { Permission } from '../access/permissions.js';
import type { Rights } from '../access/rights.js';
import { covers, type ScopeIds } from '../access/scope.js';
import type { Resource } from '../audit/audit-event.js';
import type { Audit } from '../audit/audit.js';
import { CofferError } from '../errors/errors.js';

/** What somebody is about to give, take away or change: a role, with what it holds, in a scope. */
export type Gift = Readonly<{ role: string; permissions: Iterable<Permission>; at: ScopeIds }>;

/** 403 that a service found, not the guard: `resource` is what the trail says about it. */
export class Refused extends CofferError {
  constructor(
    lacking: readonly string[],
    message: string,
    readonly resource: Resource,
  ) {
    super('forbidden', message, { details: lacking.map((permission) => ({ permission })) });
  }
}

/** Throws unless the caller may give, change or take this. */
export function requireWithin(rights: Rights, permission: Permission, gift: Gift, resource: Resource): void {
  const excess = excessOf(rights, permission, gift);
  if (excess === null) return;
  const { lacking, message } = excess;
  throw new Refused(lacking, message, { ...resource, permission: lacking.join(' ') });
}

export function isWithin(rights: Rights, permission: Permission, gift: Gift): boolean {
  return excessOf(rights, permission, gift) === null;
}

/**
 * Null when somebody may give or take this: they hold `permission` in that scope, and all that the role carries.
 * An owner may give every permission; for that very reason the owner role is an owner's to give and to take, whatever a custom role adds up to.
 */
function excessOf(
  rights: Rights,
  permission: Permission,
  gift: Gift,
): Readonly<{ lacking: readonly string[]; message: string }> | null {
  if (!rights.holds(permission, gift.at)) {
    return { lacking: [permission], message: `This needs the permission ${permission} there.` };
  }
  const lacking = rights.lacksToGive(gift.permissions, gift.at);
  if (lacking.length > 0) {
    return {
      lacking,
      message: 'The role holds permissions that you do not hold there: nobody gives, takes or changes those.',
    };
  }
  if (gift.role === 'owner' && !ownsAt(rights, gift.at)) {
    return { lacking: ['owner'], message: 'Only an owner gives or takes the owner role.' };
  }
  return null;
}

function ownsAt(rights: Rights, at: ScopeIds): boolean {
  return rights.holdings.some((holding) => holding.owner && covers(holding.at, at));
}

/** Puts a refusal that `work` ends with on record before it is told. `work` has ended its transaction by then. */
export async function recordingRefusal<T>(
  audit: Audit,
  access: AnyAccess,
  action: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refused) await audit.refused(access.caller, access.org.id, action, error.resource);
    throw error;
  }
}
