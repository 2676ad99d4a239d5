import { setTimeout as wait } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Origin } from '../../access/caller.js';
import type { Resource } from '../../audit/audit-event.js';
import { Audit } from '../../audit/audit.js';
import { Database } from '../../database/database.js';
import type { SharedLimit } from '../../database/shared-limit.js';
import { SharedLimits } from '../../database/shared-limits.js';
import { firstRow } from '../../database/transaction.js';
import type { Mismatch } from './claims.js';
import { ExchangeRefused, UnsupportedGrantType } from './exchange.errors.js';
import { TOKEN_EXCHANGE, type ExchangeBody } from './exchange.requests.js';
import { ExchangedTokenView } from './exchange.view.js';
import { insertFederatedToken } from './federated-tokens.js';
import { SubjectTokens, type Judgement } from './subject-token.js';
import { SELECT_TRUSTS, tellable, type TrustRow } from './trust-rows.js';

/** No refusal is told sooner: otherwise a clock would tell an unknown organisation from one whose trust did not match. */
const REFUSAL_MS = 100;
const LONGEST_RECORDED = 200;
/** Anybody can send a token that nobody signed: for each trust so many are recorded, which is enough to find out what is wrong. */
const UNPROVEN_LIMIT = { name: 'unproven-exchange', points: 60, seconds: 60 } as const;

type Trusted = Readonly<{ orgId: string; trust: TrustRow }>;

/** Another issuer's token → a short-lived one of ours that acts as the trust. Both outcomes stand in the organisation's trail. */
@Injectable()
export class ExchangeService {
  private readonly unproven: SharedLimit;

  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly tokens: SubjectTokens,
    limits: SharedLimits,
  ) {
    this.unproven = limits.exact(UNPROVEN_LIMIT);
  }

  async exchange(body: ExchangeBody, origin: Origin): Promise<ExchangedTokenView> {
    if (body.grant_type !== TOKEN_EXCHANGE) throw new UnsupportedGrantType();
    const notBefore = performance.now() + REFUSAL_MS;
    const given = await this.attempt(body, origin);
    if (given !== null) return given;
    await wait(Math.max(0, notBefore - performance.now()));
    throw new ExchangeRefused();
  }

  private async attempt(body: ExchangeBody, origin: Origin): Promise<ExchangedTokenView | null> {
    const trusted = await this.find(body.audience);
    if (trusted === null) return null;
    const judgement = await this.tokens.judge(body.subject_token, trusted.trust);
    if (judgement.mismatches.length === 0) return this.give(trusted, judgement, origin);
    await this.recordRefusal(trusted, judgement, origin);
    return null;
  }

  private async find(audience: string): Promise<Trusted | null> {
    const [, org = '', project = '', name = ''] = /^([^/]+)\/([^/]+)\/(.+)$/s.exec(audience) ?? [];
    if (name === '') return null;
    const slug = await this.database.shared((tx) =>
      firstRow<{ org_id: string }>(tx, 'select org_id from org_slugs where slug = $1', [org]),
    );
    if (slug === undefined) return null;
    const orgId = slug.org_id;
    const trust = await this.database.forOrg(orgId, (tx) =>
      firstRow<TrustRow>(tx, `${SELECT_TRUSTS} where t.org_id = $1 and p.slug = $2 and t.name = $3`, [
        orgId,
        project,
        name,
      ]),
    );
    return trust === undefined ? null : { orgId, trust };
  }

  /** Null when the trust was deleted while its issuer was asked. */
  private give(
    { orgId, trust }: Trusted,
    { claims }: Judgement,
    origin: Origin,
  ): Promise<ExchangedTokenView | null> {
    return this.database.forOrg(orgId, async (tx) => {
      const token = await insertFederatedToken(tx, orgId, trust.id);
      if (token === null) return null;
      await this.audit.record(tx, orgId, {
        actor: { type: 'service-token', id: trust.id, name: trust.name },
        origin,
        action: 'trust.exchange',
        resource: { ...tellable(trust), tokenId: token.id, subject: recorded(claims['sub']) },
        outcome: 'allowed',
      });
      return ExchangedTokenView.of(token.text, token.seconds);
    });
  }

  private async recordRefusal(
    { orgId, trust }: Trusted,
    judgement: Judgement,
    origin: Origin,
  ): Promise<void> {
    if (!judgement.isGenuine && (await this.unproven.take(trust.id)) !== null) return;
    const subject = judgement.isGenuine ? { subject: recorded(judgement.claims['sub']) } : {};
    const mismatches = judgement.mismatches.map((one) => recordedMismatch(one, judgement.isGenuine));
    const resource: Resource = { ...tellable(trust), ...subject, mismatches };
    await this.database.forOrg(orgId, (tx) =>
      this.audit.record(tx, orgId, {
        actor: { type: 'anonymous', id: null, name: null },
        origin,
        action: 'trust.exchange',
        resource,
        outcome: 'denied',
      }),
    );
  }
}

/** What a token says is recorded only when its issuer has said it: otherwise anybody could write into the trail. */
function recordedMismatch({ claim, expected, actual }: Mismatch, isGenuine: boolean): object {
  const isOurs = claim === 'signature';
  return { claim, expected, ...(isGenuine || isOurs ? { actual: recorded(actual) } : {}) };
}

function recorded(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const text =
    typeof value === 'string' ? value : typeof value === 'object' ? 'not a text' : JSON.stringify(value);
  return text.slice(0, LONGEST_RECORDED).toWellFormed().replaceAll('\0', '\ufffd');
}
