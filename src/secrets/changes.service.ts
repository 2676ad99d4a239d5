import { Inject, Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/token.js';
import { Database } from '../database/database.js';
import { draftsOf, lockRevision, requireRevision, writeDrafts } from './bulk-rows.js';
import { planOf } from './change-plan.js';
import { permissionsAskedFor, readChanges } from './change.requests.js';
import type { ChangesView } from './change.view.js';
import { EnvironmentKeyring } from './environment-keys.js';
import { Idempotency } from './idempotency.js';
import { Lacking, recordingRefusals } from './refusal.js';
import { bumpRevision } from './secret-rows.js';

const ACTION = 'values.changes';

/** Many changes of an environment as one: all of them or none, one revision, one record. */
@Injectable()
export class ChangesService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly keyring: EnvironmentKeyring,
    private readonly idempotency: Idempotency,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async apply(access: Access<'visible'>, body: unknown, key: string | undefined): Promise<ChangesView> {
    await recordingRefusals(this.audit, access, ACTION, {}, () => {
      requireRights(access, body);
    });
    const request = readChanges(body, Idempotency.problems(key));
    const repeatable = key === undefined ? null : this.idempotency.repeatable(access, key, request);

    return this.keyring.with(access, (keys) =>
      this.database.forWriter(access.org.id, access.environment.id, async (tx) => {
        const names = request.changes.map(({ name }) => name);
        const [before, live] = await Promise.all([lockRevision(tx, access), draftsOf(tx, access, names)]);
        const earlier = repeatable === null ? null : await this.idempotency.answerTo(tx, access, repeatable);
        if (earlier !== null) return earlier;
        requireRevision(request.ifRevision, before);
        const { drafts, steps } = planOf(request.changes, live);
        const revision = before + 1;
        await Promise.all([
          bumpRevision(tx, access),
          writeDrafts(tx, access, keys, drafts, revision, this.config.versionsKept),
        ]);
        const answer = { revision, applied: steps.length };
        if (repeatable !== null) await this.idempotency.remember(tx, access, repeatable, answer);
        await this.audit.record(tx, access.org.id, allowed(access, ACTION, { revision, secrets: steps }));
        return answer;
      }),
    );
  }
}

/** Each kind of step needs its own permission. Whoever holds none of them learns nothing of what is wrong with the body. */
function requireRights(access: Access<'visible'>, body: unknown): void {
  const held = access.rights.at(access.ids);
  const asked = permissionsAskedFor(body);
  const missing = [...asked].filter((permission) => !held.has(permission));
  if (missing.length > 0) throw new Lacking(missing);
  const any = ['secrets:write', 'secrets:set-value'] as const;
  if (!any.some((permission) => held.has(permission))) throw new Lacking(any);
}
