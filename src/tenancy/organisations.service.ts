import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import type { Page } from '../access/answer.js';
import { after, MOST_PER_PAGE, pageOf, type PageQuery } from '../access/paging.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import { Database } from '../database/database.js';
import { breaksUnique } from '../database/postgres-errors.js';
import { firstRow, rows, type OrgTransaction } from '../database/transaction.js';
import { AlreadyExists, NotFound } from '../errors/errors.js';
import { insertGrant } from '../grants/grant-rows.js';
import type { OrgBody, RenameBody } from './tenancy.requests.js';
import { OrgView, type NamedRow } from './tenancy.views.js';

/** Organisations: whoever makes one owns it. A slug that was given up can be taken again, by an organisation that shares nothing with the first. */
@Injectable()
export class OrganisationsService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  async list(access: Access<'user'>, query: PageQuery): Promise<Page<OrgView>> {
    const limit = query.limit ?? MOST_PER_PAGE;
    const [slug] = after(query, 1) ?? [null];
    const found = await this.database.forUser(access.user.id, (tx) =>
      rows<NamedRow>(
        tx,
        `select s.slug, o.name, o.created_at from organisations o join org_slugs s on s.org_id = o.org_id
         where o.org_id in (select g.org_id from grants g where g.user_id = $1) and ($2::text is null or s.slug > $2)
         order by s.slug limit $3`,
        [access.user.id, slug, limit + 1],
      ),
    );
    return pageOf(found, limit, (row) => [row.slug], OrgView.of);
  }

  create(access: Access<'user'>, body: OrgBody): Promise<OrgView> {
    const orgId = randomUUID();
    const org = { slug: body.slug, name: body.name ?? body.slug, created_at: new Date() };
    return this.database.forOrg(orgId, async (tx) => {
      await insertOrganisation(tx, orgId, org);
      const at = { projectId: null, environmentId: null };
      await insertGrant(tx, orgId, { userId: access.user.id, role: 'owner', at });
      await this.audit.record(tx, orgId, allowed(access, 'org.create', { org: org.slug, name: org.name }));
      return OrgView.of(org);
    });
  }

  async read(access: Access<'visible'>): Promise<OrgView> {
    const org = await this.database.forOrg(access.org.id, (tx) =>
      firstRow<NamedRow>(
        tx,
        `select s.slug, o.name, o.created_at from organisations o join org_slugs s on s.org_id = o.org_id
         where o.org_id = $1`,
        [access.org.id],
      ),
    );
    if (org === undefined) throw new NotFound();
    return OrgView.of(org);
  }

  update(access: Access<'org:manage'>, body: RenameBody): Promise<OrgView> {
    return this.database.forOrg(access.org.id, async (tx) => {
      const org = await firstRow<Omit<NamedRow, 'slug'>>(
        tx,
        'update organisations set name = $2 where org_id = $1 returning name, created_at',
        [access.org.id, body.name],
      );
      if (org === undefined) throw new NotFound();
      await this.audit.record(tx, access.org.id, allowed(access, 'org.update', { name: body.name }));
      return OrgView.of({ ...org, slug: access.org.slug });
    });
  }

  /** Everything of it goes, data keys first of all. Its trail stays in the database, with this as the last link. */
  delete(access: Access<'org:manage'>): Promise<void> {
    return this.database.forOrg(access.org.id, async (tx) => {
      const gone = await firstRow(tx, 'delete from organisations where org_id = $1 returning org_id', [
        access.org.id,
      ]);
      if (gone === undefined) throw new NotFound();
      await rows(tx, 'delete from org_slugs where org_id = $1', [access.org.id]);
      await this.audit.record(tx, access.org.id, allowed(access, 'org.delete', { org: access.org.slug }));
    });
  }
}

async function insertOrganisation(tx: OrgTransaction, orgId: string, org: NamedRow): Promise<void> {
  try {
    await rows(tx, 'insert into org_slugs (slug, org_id) values ($1, $2)', [org.slug, orgId]);
  } catch (error) {
    if (breaksUnique(error, 'org_slugs_pkey')) throw new AlreadyExists('An organisation of this slug');
    throw error;
  }
  await rows(tx, 'insert into organisations (org_id, name, created_at) values ($1, $2, $3)', [
    orgId,
    org.name,
    org.created_at,
  ]);
}
