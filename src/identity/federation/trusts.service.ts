import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Access } from '../../access/access.js';
import type { Page } from '../../access/answer.js';
import { actorOf } from '../../access/caller.js';
import type { PageQuery } from '../../access/paging.js';
import { allowed } from '../../audit/audit-event.js';
import { Audit } from '../../audit/audit.js';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/token.js';
import { Database } from '../../database/database.js';
import { breaksForeignKey, breaksUnique } from '../../database/postgres-errors.js';
import { firstRow, rows, type OrgTransaction } from '../../database/transaction.js';
import { AlreadyExists, CofferError, InvalidRequest, NotFound, Unexpected } from '../../errors/errors.js';
import { recordingRefusal, requireWithin } from '../../grants/boundary.js';
import { lockGrants } from '../../grants/grant-rows.js';
import { findRole, permissionsOf, unknownRole } from '../../grants/rights-of.js';
import { NEWEST_FIRST, newestFirst, olderThan, sliceOf } from '../../access/newest-first.js';
import { wouldOutlive } from '../tokens/own-end.js';
import { managedEnvironments } from '../tokens/service-tokens.service.js';
import { isUuid } from '../../access/uuid.js';
import { mismatchesOf } from './claims.js';
import { SubjectTokens } from './subject-token.js';
import { findTrust, scopeOf, SELECT_TRUSTS, tellable, type TrustRow } from './trust-rows.js';
import { reachProblem } from './trust-rules.js';
import type { SimulationBody, TrustBody } from './trust.requests.js';
import { SimulationView, TrustView } from './trust.view.js';

type Manage = Access<'tokens:manage'>;

const CREATE = 'trust.create';
const DELETE = 'trust.delete';
const SIMULATE = 'trust.simulate';

/**
 * Trusts: whose tokens, saying what, are exchanged for a short-lived token of this service. A trust is a standing right, so it is given and
 * taken like one: nobody makes or deletes a trust that holds more than they do.
 */
@Injectable()
export class TrustsService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly tokens: SubjectTokens,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Those of the project that lie where the caller may manage them. */
  async list(access: Manage, query: PageQuery): Promise<Page<TrustView>> {
    const slice = sliceOf(query);
    const found = await this.database.forOrg(access.org.id, (tx) =>
      rows<TrustRow>(
        tx,
        `select * from (${SELECT_TRUSTS} where t.org_id = $1 and t.project_id = $2
           and ($3::uuid[] is null or t.environment_id = any($3))) as managed
         where ${olderThan(4)} ${NEWEST_FIRST} limit $6`,
        [
          access.org.id,
          access.project.id,
          managedEnvironments(access),
          slice.createdAt,
          slice.id,
          slice.limit + 1,
        ],
      ),
    );
    return newestFirst(found, slice, (row) => TrustView.of(row));
  }

  /** In the scope that the body names, which is the one of the proof. */
  async create(access: Manage, body: TrustBody): Promise<TrustView> {
    this.requireReach(body.issuer);
    await this.refuseToOutlive(access, body);
    const resource = { trust: body.name, role: body.role };
    return recordingRefusal(this.audit, access, CREATE, () =>
      this.database.forOrg(access.org.id, async (tx) => {
        const rights = await lockGrants(tx, access);
        const permissions = await findRole(tx, access.org.id, body.role);
        if (permissions === null) throw unknownRole();
        const gift = { role: body.role, permissions, at: access.ids };
        requireWithin(rights, 'tokens:manage', gift, { ...access.place, ...resource });
        const trust = await insert(tx, access, body);
        await this.audit.record(
          tx,
          access.org.id,
          allowed(access, CREATE, {
            ...resource,
            trustId: trust.id,
            issuer: trust.issuer,
            audience: trust.audience,
            claims: trust.claims,
          }),
        );
        return TrustView.of(trust);
      }),
    );
  }

  async delete(access: Manage, id: string): Promise<void> {
    await recordingRefusal(this.audit, access, DELETE, () =>
      this.database.forOrg(access.org.id, async (tx) => {
        const rights = await lockGrants(tx, access);
        const trust = await this.find(tx, access, id);
        if (!rights.sees(scopeOf(trust))) throw new NotFound();
        const permissions = permissionsOf(trust.role, trust.permissions);
        const gift = { role: trust.role, permissions, at: scopeOf(trust) };
        requireWithin(rights, 'tokens:manage', gift, tellable(trust));
        await rows(tx, 'delete from trusts where org_id = $1 and id = $2', [access.org.id, id]);
        await this.audit.record(tx, access.org.id, allowed(access, DELETE, tellable(trust)));
      }),
    );
  }

  /** What an exchange would say, told in full to whoever may manage the trust. Gives nothing out and changes nothing. */
  async simulate(access: Manage, id: string, body: SimulationBody): Promise<SimulationView> {
    const trust = await recordingRefusal(this.audit, access, SIMULATE, () =>
      this.database.forOrg(access.org.id, async (tx) => {
        const found = await this.find(tx, access, id);
        if (!access.rights.sees(scopeOf(found))) throw new NotFound();
        const nothing = { role: '', permissions: [], at: scopeOf(found) };
        requireWithin(access.rights, 'tokens:manage', nothing, tellable(found));
        return found;
      }),
    );
    if (body.subject_token !== undefined) {
      return SimulationView.of((await this.tokens.judge(body.subject_token, trust)).mismatches);
    }
    const claims = body.claims ?? {};
    const general = Object.entries({ iss: trust.issuer, aud: trust.audience });
    const asked = Object.fromEntries(general.filter(([claim]) => Object.hasOwn(claims, claim)));
    return SimulationView.of([...mismatchesOf(asked, claims), ...mismatchesOf(trust.claims, claims)]);
  }

  private async find(tx: OrgTransaction, access: Manage, id: string): Promise<TrustRow> {
    const trust = isUuid(id) ? await findTrust(tx, access.org.id, access.project.id, id) : undefined;
    if (trust === undefined) throw new NotFound();
    return trust;
  }

  private requireReach(issuer: string): void {
    const problem = this.config.allowPrivateIssuers ? null : reachProblem(issuer);
    if (problem !== null) throw new InvalidRequest([{ field: 'issuer', error: problem }]);
  }

  /** The boundary rule in time: a token that ends would live on in a trust of its making. */
  private async refuseToOutlive(access: Manage, body: TrustBody): Promise<void> {
    const { caller, org } = access;
    if (caller.kind !== 'service') return;
    if (!(await this.database.forOrg(org.id, (tx) => wouldOutlive(tx, caller, undefined)))) return;
    const resource = { ...access.place, trust: body.name, role: body.role, outlives: true };
    await this.audit.refused(caller, org.id, CREATE, resource);
    throw new CofferError('forbidden', 'A token that ends cannot make a trust, which would outlive it.');
  }
}

async function insert(tx: OrgTransaction, access: Manage, body: TrustBody): Promise<TrustRow> {
  const id = randomUUID();
  const maker = actorOf(access.caller);
  try {
    await firstRow(
      tx,
      `insert into trusts (org_id, id, project_id, environment_id, name, issuer, audience, claims, role, ttl_seconds,
         created_at, created_by_type, created_by_name)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now(), $11, $12)`,
      [
        access.org.id,
        id,
        access.project.id,
        access.ids.environmentId,
        body.name,
        body.issuer,
        body.audience,
        JSON.stringify(body.claims),
        body.role,
        body.ttlSeconds,
        maker.type,
        maker.name,
      ],
    );
  } catch (error) {
    if (breaksUnique(error, 'trusts_name_key')) throw new AlreadyExists('A trust of this name');
    // The environment, the project or the role has just been deleted.
    if (breaksForeignKey(error)) throw new NotFound();
    throw error;
  }
  const trust = await findTrust(tx, access.org.id, access.project.id, id);
  if (trust === undefined) throw new Unexpected('a trust was not there after its insert');
  return trust;
}
