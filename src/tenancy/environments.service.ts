import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import type { Page } from '../access/answer.js';
import { after, MOST_PER_PAGE, pageOf, type PageQuery } from '../access/paging.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import { Keyring } from '../crypto/keyring.js';
import { Database } from '../database/database.js';
import { rows } from '../database/transaction.js';
import { Conflict, NotFound } from '../errors/errors.js';
import { seen, sightOf } from '../grants/seen.js';
import { findEnvironment, insertEnvironment, keepRevisions, lockEnvironments } from './environment-rows.js';
import { DEFAULT_ENVIRONMENT } from './slug.js';
import type { EnvironmentBody, ForceQuery } from './tenancy.requests.js';
import { EnvironmentView, type EnvironmentRow } from './tenancy.views.js';

/** Environments of a project, each with a data key of its own: with the environment the key goes, and what it sealed stays sealed. */
@Injectable()
export class EnvironmentsService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly keyring: Keyring,
  ) {}

  async list(access: Access<'visible'>, query: PageQuery): Promise<Page<EnvironmentView>> {
    const limit = query.limit ?? MOST_PER_PAGE;
    const [name] = after(query, 1) ?? [null];
    const found = await this.database.forOrg(access.org.id, (tx) =>
      rows<EnvironmentRow>(
        tx,
        `select e.name, e.revision, e.created_at from environments e
         where e.org_id = $1 and e.project_id = $4 and ${seen('e.project_id', 'e.id', 2)}
           and ($5::text is null or e.name > $5)
         order by e.name limit $6`,
        [access.org.id, ...sightOf(access.rights), access.project.id, name, limit + 1],
      ),
    );
    return pageOf(found, limit, (row) => [row.name], EnvironmentView.of);
  }

  async create(access: Access<'environments:write'>, body: EnvironmentBody): Promise<EnvironmentView> {
    const owner = { orgId: access.org.id, projectId: access.project.id, environmentId: randomUUID() };
    const key = await this.keyring.make(owner);
    return this.database.forOrg(access.org.id, async (tx) => {
      const environment = await insertEnvironment(tx, owner, body.name, key);
      await this.audit.record(
        tx,
        access.org.id,
        allowed(access, 'environment.create', { environment: body.name }),
      );
      return EnvironmentView.of(environment);
    });
  }

  async read(access: Access<'visible'>): Promise<EnvironmentView> {
    const environment = await this.database.forOrg(access.org.id, (tx) =>
      findEnvironment(tx, access.org.id, access.environment.id),
    );
    if (environment === undefined) throw new NotFound();
    return EnvironmentView.of(environment);
  }

  delete(access: Access<'environments:write'>, query: ForceQuery): Promise<void> {
    const { org, project, environment } = access;
    return this.database.forOrg(org.id, async (tx) => {
      const scope = { orgId: org.id, projectId: project.id, environmentId: environment.id };
      const [locked] = await lockEnvironments(tx, scope);
      if (locked === undefined) throw new NotFound();
      if (query.force !== 'true') requireDispensable(locked);
      await keepRevisions(tx, scope);
      await rows(tx, 'delete from environments where org_id = $1 and id = $2', [org.id, environment.id]);
      await this.audit.record(
        tx,
        org.id,
        allowed(access, 'environment.delete', { force: query.force === 'true' }),
      );
    });
  }
}

function requireDispensable(environment: Readonly<{ name: string; holdsSecrets: boolean }>): void {
  if (environment.name === DEFAULT_ENVIRONMENT) {
    throw new Conflict('This is the default environment of its project: force=true deletes it nevertheless.');
  }
  if (environment.holdsSecrets) {
    throw new Conflict(
      'This environment holds secrets: delete them first, or take them along with force=true.',
    );
  }
}
