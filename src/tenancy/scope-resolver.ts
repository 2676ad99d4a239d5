import { Injectable } from '@nestjs/common';
import type { Stamp } from '../access/basis.js';
import type { Caller } from '../access/caller.js';
import type { Rights } from '../access/rights.js';
import type { Scope } from '../access/scope.js';
import { isSlug } from '../access/slug.js';
import { Database } from '../database/database.js';
import { firstRow, prepared, type OrgTransaction } from '../database/transaction.js';
import { NotFound } from '../errors/errors.js';
import { rightsOf } from '../grants/rights-of.js';

/** A scope as a request names it: nobody has looked yet whether it exists. */
export type ScopeNames = Readonly<{
  org: string;
  project: string | undefined;
  environment: string | undefined;
}>;

/** `stamp` is what the rest rests on: the organisation as it was read. */
export type Resolved = Readonly<{ scope: Scope; rights: Rights; stamp: Stamp }>;

/** Names → the scope that they mean and what the caller may do in its organisation. What does not exist is `NotFound`. */
@Injectable()
export class ScopeResolver {
  constructor(private readonly database: Database) {}

  async resolve(caller: Caller, names: ScopeNames): Promise<Resolved> {
    if (![names.org, names.project, names.environment].every((name) => name === undefined || isSlug(name))) {
      throw new NotFound();
    }
    const resolved = await this.database.forOrgNamed(names.org, async (tx, orgId, stamp) => {
      const org = { id: orgId, slug: names.org };
      const [below, rights] = await Promise.all([findBelow(tx, orgId, names), rightsOf(tx, caller, org)]);
      return { scope: { org, ...below }, rights, stamp: { subject: orgId, stamp } };
    });
    if (resolved === null) throw new NotFound();
    return resolved;
  }
}

type Below = Pick<Scope, 'project' | 'environment'>;

const SELECT_BELOW = prepared(`
  select p.id as project_id, e.id as environment_id
  from projects p left join environments e on e.org_id = p.org_id and e.project_id = p.id and e.name = $3
  where p.org_id = $1 and p.slug = $2`);

async function findBelow(tx: OrgTransaction, orgId: string, names: ScopeNames): Promise<Below> {
  if (names.project === undefined) return {};
  const row = await firstRow<{ project_id: string; environment_id: string | null }>(tx, SELECT_BELOW, [
    orgId,
    names.project,
    names.environment ?? null,
  ]);
  if (row === undefined) throw new NotFound();
  const project = { id: row.project_id, slug: names.project };
  if (names.environment === undefined) return { project };
  if (row.environment_id === null) throw new NotFound();
  return { project, environment: { id: row.environment_id, name: names.environment } };
}
