import { Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import { Database } from '../database/database.js';
import { rows, type OrgTransaction } from '../database/transaction.js';
import type { DiffQuery } from './comparison.requests.js';
import type { DiffState, DiffView } from './comparison.view.js';
import { recordingRefusals } from './refusal.js';
import { findSibling, type Sibling } from './sibling-environments.js';

const ACTION = 'values.diff';

/** Whether two environments hold the same values, told by fingerprints that never leave the server. */
@Injectable()
export class DiffService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  compare(access: Access<'secrets:read'>, query: DiffQuery): Promise<DiffView[]> {
    return recordingRefusals(this.audit, access, ACTION, { from: query.from, to: query.to }, () =>
      this.database.forOrg(access.org.id, async (tx) => {
        const from = await findSibling(tx, access, query.from, 'secrets:read');
        const to = await findSibling(tx, access, query.to, 'secrets:read');
        const found = await readBoth(tx, access, from, to);
        const resource = { from: from.name, to: to.name };
        await this.audit.record(tx, access.org.id, allowed(access, ACTION, resource));
        return found.map((row) => ({ name: row.name, state: stateOf(row) }));
      }),
    );
  }
}

/** Null: not declared there. The fingerprints are compared in the database: not even they are fetched. */
type BothRow = Readonly<{
  name: string;
  has_value_in_from: boolean | null;
  has_value_in_to: boolean | null;
  same: boolean | null;
}>;

/** Both environments in one statement, so in one state. */
function readBoth(
  tx: OrgTransaction,
  access: Access<'secrets:read'>,
  from: Sibling,
  to: Sibling,
): Promise<BothRow[]> {
  return rows<BothRow>(
    tx,
    `with live as (
       select s.environment_id, s.name, s.current_version is not null as has_value, v.fingerprint
       from secrets s
       left join secret_versions v on v.org_id = s.org_id and v.secret_id = s.id and v.version = s.current_version
       where s.org_id = $1 and s.environment_id in ($2, $3) and s.deleted_at is null
     )
     select name, f.has_value as has_value_in_from, t.has_value as has_value_in_to, f.fingerprint = t.fingerprint as same
     from (select * from live where environment_id = $2) f
     full join (select * from live where environment_id = $3) t using (name)
     order by name`,
    [access.org.id, from.id, to.id],
  );
}

function stateOf({ has_value_in_from: inFrom, has_value_in_to: inTo, same }: BothRow): DiffState {
  if (inTo === null) return 'only-in-from';
  if (inFrom === null) return 'only-in-to';
  if (inFrom && inTo) return same === true ? 'same' : 'different';
  if (inFrom) return 'no-value-in-to';
  return inTo ? 'no-value-in-from' : 'no-value';
}
