import type { AnyAccess } from '../access/access.js';
import type { Permission } from '../access/permissions.js';
import type { Resource } from '../audit/audit-event.js';
import type { Audit } from '../audit/audit.js';
import { CofferError } from '../errors/errors.js';

/** A 403 that the guard could not know of, because only the body or the rows tell what is needed. */
export class Lacking extends CofferError {
  constructor(readonly permissions: readonly Permission[]) {
    const needed = permissions.join(' and ');
    super('forbidden', `This needs the permission ${needed} here.`, {
      details: permissions.map((permission) => ({ permission })),
    });
  }
}

/** Puts what `work` refuses on record before it is told. Outside of any transaction: a refused one is rolled back with all its records. */
export async function recordingRefusals<T>(
  audit: Audit,
  access: AnyAccess,
  action: string,
  resource: Resource,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Lacking) {
      const { permissions } = error;
      const [permission] = permissions;
      const lacked = permissions.length === 1 ? { permission } : { permissions };
      await audit.refused(access.caller, access.org.id, action, { ...access.place, ...resource, ...lacked });
    }
    throw error;
  }
}
