import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import type { Page } from '../access/answer.js';
import { after, MOST_PER_PAGE, pageOf, type PageQuery } from '../access/paging.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import { Keyring } from '../crypto/keyring.js';
import { Database } from '../database/database.js';
import { breaksForeignKey, breaksUnique } from '../database/postgres-errors.js';
import { firstRow, rows, type OrgTransaction } from '../database/transaction.js';
import { AlreadyExists, Conflict, NotFound } from '../errors/errors.js';
import { seen, sightOf } from '../grants/seen.js';
import { insertDataKey, insertEnvironment, keepRevisions, lockEnvironments } from './environment-rows.js';
import { DEFAULT_ENVIRONMENT } from './slug.js';
import type { ForceQuery, ProjectBody, RenameBody } from './tenancy.requests.js';
import { ProjectView, type NamedRow } from './tenancy.views.js';

/** Projects of an organisation: each comes with an environment `default` and has a key of its own, for comparing values without reading them. */
@Injectable()
export class ProjectsService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly keyring: Keyring,
  ) {}

  async list(access: Access<'visible'>, query: PageQuery): Promise<Page<ProjectView>> {
    const limit = query.limit ?? MOST_PER_PAGE;
    const [slug] = after(query, 1) ?? [null];
    const found = await this.database.forOrg(access.org.id, (tx) =>
      rows<NamedRow>(
        tx,
        `select p.slug, p.name, p.created_at from projects p
         where p.org_id = $1 and ${seen('p.id', 'null::uuid', 2)} and ($4::text is null or p.slug > $4)
         order by p.slug limit $5`,
        [access.org.id, ...sightOf(access.rights), slug, limit + 1],
      ),
    );
    return pageOf(found, limit, (row) => [row.slug], ProjectView.of);
  }

  async create(access: Access<'projects:write'>, body: ProjectBody): Promise<ProjectView> {
    const project = { slug: body.slug, name: body.name ?? body.slug, created_at: new Date() };
    const owner = { orgId: access.org.id, projectId: randomUUID(), environmentId: null };
    const environmentOwner = { ...owner, environmentId: randomUUID() };
    const [key, environmentKey] = await Promise.all([
      this.keyring.make(owner),
      this.keyring.make(environmentOwner),
    ]);
    return this.database.forOrg(access.org.id, async (tx) => {
      await insertProject(tx, owner, project);
      await insertDataKey(tx, owner, key);
      await insertEnvironment(tx, environmentOwner, DEFAULT_ENVIRONMENT, environmentKey);
      const resource = { project: project.slug, name: project.name };
      await this.audit.record(tx, access.org.id, allowed(access, 'project.create', resource));
      return ProjectView.of(project);
    });
  }

  async read(access: Access<'visible'>): Promise<ProjectView> {
    const project = await this.database.forOrg(access.org.id, (tx) =>
      firstRow<NamedRow>(tx, 'select slug, name, created_at from projects where org_id = $1 and id = $2', [
        access.org.id,
        access.project.id,
      ]),
    );
    if (project === undefined) throw new NotFound();
    return ProjectView.of(project);
  }

  update(access: Access<'projects:write'>, body: RenameBody): Promise<ProjectView> {
    return this.database.forOrg(access.org.id, async (tx) => {
      const project = await firstRow<NamedRow>(
        tx,
        'update projects set name = $3 where org_id = $1 and id = $2 returning slug, name, created_at',
        [access.org.id, access.project.id, body.name],
      );
      if (project === undefined) throw new NotFound();
      await this.audit.record(tx, access.org.id, allowed(access, 'project.update', { name: body.name }));
      return ProjectView.of(project);
    });
  }

  delete(access: Access<'projects:write'>, query: ForceQuery): Promise<void> {
    const { org, project } = access;
    return this.database.forOrg(org.id, async (tx) => {
      await lockProject(tx, org.id, project.id);
      const scope = { orgId: org.id, projectId: project.id, environmentId: null };
      const environments = await lockEnvironments(tx, scope);
      const inUse = environments.some(
        ({ name, holdsSecrets }) => name !== DEFAULT_ENVIRONMENT || holdsSecrets,
      );
      if (inUse && query.force !== 'true') {
        throw new Conflict(
          'This project has more than an empty default environment: delete that first, or take it along with force=true.',
        );
      }
      await keepRevisions(tx, scope);
      await rows(tx, 'delete from projects where org_id = $1 and id = $2', [org.id, project.id]);
      await this.audit.record(
        tx,
        org.id,
        allowed(access, 'project.delete', { force: query.force === 'true' }),
      );
    });
  }
}

async function insertProject(
  tx: OrgTransaction,
  owner: Readonly<{ orgId: string; projectId: string }>,
  project: NamedRow,
): Promise<void> {
  try {
    await rows(tx, 'insert into projects (org_id, id, slug, name, created_at) values ($1, $2, $3, $4, $5)', [
      owner.orgId,
      owner.projectId,
      project.slug,
      project.name,
      project.created_at,
    ]);
  } catch (error) {
    if (breaksUnique(error, 'projects_slug_key')) throw new AlreadyExists('A project of this slug');
    if (breaksForeignKey(error)) throw new NotFound();
    throw error;
  }
}

/** Keeps new environments out until the commit. */
async function lockProject(tx: OrgTransaction, orgId: string, id: string): Promise<void> {
  const locked = await firstRow(tx, 'select 1 from projects where org_id = $1 and id = $2 for update', [
    orgId,
    id,
  ]);
  if (locked === undefined) throw new NotFound();
}
