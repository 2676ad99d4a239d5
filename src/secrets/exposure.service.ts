import { Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import { allowed } from '../audit/audit-event.js';
import type { ActorView } from '../audit/audit-event.view.js';
import { Audit } from '../audit/audit.js';
import { Database } from '../database/database.js';
import { rows, type OrgTransaction } from '../database/transaction.js';
import type { ExposureQuery, ExposureView } from './exposure.view.js';

/** Answers out of the audit trail which present values were read, and by whom. */
@Injectable()
export class ExposureService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  list(access: Access<'audit:read'>, query: ExposureQuery): Promise<ExposureView[]> {
    return this.database.forOrg(access.org.id, async (tx) => {
      const found = await readReaders(tx, access.org.id, query);
      await this.audit.record(tx, access.org.id, allowed(access, 'audit.exposure', {}));
      return grouped(found);
    });
  }
}

type ReaderRow = Readonly<{
  project: string;
  environment: string;
  secret: string;
  version: number;
  actor_type: ActorView['type'];
  actor_id: string | null;
  actor_name: string | null;
  reads: number;
  last_read_at: Date;
}>;

/**
 * Events know names, and a name can be declared anew: a read counts only for the version that is present now, and not before that version
 * was written. What was moved inside the server, or answered with 304, is no read.
 */
function readReaders(tx: OrgTransaction, orgId: string, query: ExposureQuery): Promise<ReaderRow[]> {
  return rows<ReaderRow>(
    tx,
    `with present as (
       select p.slug as project, e.name as environment, s.name as secret, v.version, v.created_at
       from secrets s
       join secret_versions v on v.org_id = s.org_id and v.secret_id = s.id and v.version = s.current_version
       join environments e on e.org_id = s.org_id and e.id = s.environment_id
       join projects p on p.org_id = e.org_id and p.id = e.project_id
       where s.org_id = $1 and s.deleted_at is null and ($4::text is null or s.name = $4)
     ), acts as (
       select act, action from org_acts
       where org_id = $1 and action in ('secret.value-get', 'values.get') and outcome = 'allowed'
         and ($3::text is null or actor_id = $3 or actor_name = $3)
     ), reads as (
       select at, actor_type, actor_id, actor_name, project, environment, secret, (resource ->> 'version')::integer as version
       from org_events
       where org_id = $1 and act in (select act from acts where action = 'secret.value-get')
         and ($2::timestamptz is null or at >= $2)
       union all
       select at, actor_type, actor_id, actor_name, project, environment, one ->> 'secret', (one ->> 'version')::integer
       from org_events e join org_event_lists l on l.org_id = e.org_id and l.digest = e.list,
         jsonb_array_elements(l.secrets) as one
       where e.org_id = $1 and act in (select act from acts where action = 'values.get')
         and ($2::timestamptz is null or at >= $2)
     )
     select present.project, present.environment, present.secret, present.version,
       actor_type, actor_id, actor_name, count(*)::integer as reads, max(at) as last_read_at
     from present join reads on reads.project = present.project and reads.environment = present.environment
       and reads.secret = present.secret and reads.version = present.version and reads.at >= present.created_at
     group by 1, 2, 3, 4, 5, 6, 7
     order by 1, 2, 3, last_read_at desc`,
    [orgId, query.since ?? null, query.actor ?? null, query.secret ?? null],
  );
}

/** The rows of one secret stand together: each secret once, with all of its readers. */
function grouped(found: readonly ReaderRow[]): ExposureView[] {
  const views: ExposureView[] = [];
  for (const row of found) {
    const { project, environment, secret, version } = row;
    let view = views.at(-1);
    if (view?.project !== project || view.environment !== environment || view.secret !== secret) {
      view = { project, environment, secret, version, readers: [] };
      views.push(view);
    }
    view.readers.push({
      actor: { type: row.actor_type, id: row.actor_id, name: row.actor_name },
      reads: row.reads,
      lastReadAt: row.last_read_at.toISOString(),
    });
  }
  return views;
}
