import { Inject, Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/token.js';
import { Database } from '../database/database.js';
import { rows, type OrgTransaction } from '../database/transaction.js';
import { CofferError, Conflict, InvalidRequest, NotFound } from '../errors/errors.js';
import { environmentForm } from '../formats/names.js';
import {
  draftsOf,
  lockRevision,
  newDraft,
  requireRevision,
  setValue,
  writeDrafts,
  type Draft,
} from './bulk-rows.js';
import type { PromoteBody } from './comparison.requests.js';
import type { PromotedView } from './comparison.view.js';
import { EnvironmentKeyring, type EnvironmentKeys } from './environment-keys.js';
import { Lacking, recordingRefusals } from './refusal.js';
import { bumpRevision } from './secret-rows.js';
import { findSibling, type Sibling } from './sibling-environments.js';
import { IS_DAMAGED, refuseDamaged } from './version-rows.js';

const ACTION = 'values.promote';

/**
 * Values on their way from one environment to another of the same project. They are opened and sealed anew inside the server: whoever
 * promotes them does not see them, so it is no exposure. Both environments have it on record.
 */
@Injectable()
export class PromoteService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly keyring: EnvironmentKeyring,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  promote(access: Access<'secrets:set-value'>, body: PromoteBody): Promise<PromotedView> {
    if (body.from === access.environment.name) {
      throw new InvalidRequest([
        { field: 'from', error: 'must be another environment than the one in the path' },
      ]);
    }
    return recordingRefusals(this.audit, access, ACTION, { from: body.from }, async () => {
      const source = await this.database.forOrg(access.org.id, (tx) =>
        findSibling(tx, access, body.from, 'secrets:read'),
      );
      return this.keyring.of(access, source.id, (sourceKeys) =>
        this.keyring.with(access, (keys) => this.copy(access, body, source, sourceKeys, keys)),
      );
    });
  }

  private copy(
    access: Access<'secrets:set-value'>,
    body: PromoteBody,
    source: Sibling,
    sourceKeys: EnvironmentKeys,
    keys: EnvironmentKeys,
  ): Promise<PromotedView> {
    return this.database.forWriter(access.org.id, access.environment.id, async (tx) => {
      const before = await lockRevision(tx, access);
      requireRevision(body.ifRevision, before);
      const given = await readSource(tx, access, source, body.names);
      const live = await draftsOf(
        tx,
        access,
        given.map(({ name }) => name),
      );
      const copies = received(access, given, live);
      for (const { from, draft } of copies)
        setValue(draft, sourceKeys.open(from.id, from.version, from.sealed));
      const revision = copies.length === 0 ? before : await bumpRevision(tx, access);
      const drafts = copies.map(({ draft }) => draft);
      await writeDrafts(tx, access, keys, drafts, revision, this.config.versionsKept);
      await this.record(tx, access, source, revision, copies);
      return { revision, promoted: drafts.map(({ name }) => name) };
    });
  }

  /** In the source: what was copied from it, and where to. In the target: what came, and where from. */
  private async record(
    tx: OrgTransaction,
    access: Access<'secrets:set-value'>,
    source: Sibling,
    revision: number,
    copies: readonly Copy[],
  ): Promise<void> {
    const left = copies.map(({ from }) => ({ secret: from.name, version: from.version }));
    const came = copies.map(({ draft }) => ({ secret: draft.name, version: draft.version ?? 0 }));
    const target = access.environment.name;
    await this.audit.record(
      tx,
      access.org.id,
      allowed(access, ACTION, { environment: source.name, direction: 'out', to: target, secrets: left }),
    );
    await this.audit.record(
      tx,
      access.org.id,
      allowed(access, ACTION, { direction: 'in', from: source.name, revision, secrets: came }),
    );
  }
}

type SourceRow = Readonly<{
  id: string;
  name: string;
  description: string | null;
  version: number | null;
  sealed: Buffer | null;
  damaged: boolean;
}>;

type SourceSecret = SourceRow & Readonly<{ version: number; sealed: Buffer }>;

type Copy = Readonly<{ from: SourceSecret; draft: Draft }>;

/** The secrets that are copied, by name: those that were named, each with a value, or all that have one. */
async function readSource(
  tx: OrgTransaction,
  access: Access<'secrets:set-value'>,
  source: Sibling,
  names: readonly string[] | undefined,
): Promise<SourceSecret[]> {
  const found = await rows<SourceRow>(
    tx,
    `select s.id, s.name, s.description, v.version, v.sealed, ${IS_DAMAGED} as damaged
     from secrets s
     left join secret_versions v on v.org_id = s.org_id and v.secret_id = s.id and v.version = s.current_version
     where s.org_id = $1 and s.environment_id = $2 and s.deleted_at is null and ($3::text[] is null or s.name = any($3))
     order by s.name`,
    [access.org.id, source.id, names ?? null],
  );
  refuseDamaged(found);
  const declared = new Set(found.map(({ name }) => name));
  const unknown = (names ?? []).filter((name) => !declared.has(name));
  if (unknown.length > 0) {
    throw new NotFound(
      `Some of these secrets are not declared in ${source.name}: see details. Nothing was changed.`,
      unknown.map((name) => ({ name })),
    );
  }
  const empty = found.filter((secret) => !hasValue(secret));
  if (names !== undefined && empty.length > 0) {
    throw new Conflict(
      `Some of these secrets have no value in ${source.name}: see details. Nothing was changed.`,
      'no_value',
      empty.map(({ name }) => ({ name })),
    );
  }
  return found.filter(hasValue);
}

function hasValue(secret: SourceRow): secret is SourceSecret {
  return secret.version !== null && secret.sealed !== null;
}

/** Each secret with the one of the target that gets its value: the one that is there, or a new one where none is. */
function received(
  access: Access<'secrets:set-value'>,
  given: readonly SourceSecret[],
  live: ReadonlyMap<string, Draft>,
): Copy[] {
  const copies = given.map((from) => ({
    from,
    draft: live.get(environmentForm(from.name)) ?? newDraft(from.name, from.description),
  }));
  if (copies.some(({ draft }) => draft.isNew) && !access.rights.holds('secrets:write', access.ids)) {
    throw new Lacking(['secrets:write']);
  }
  const taken = copies.filter(({ from, draft }) => draft.name !== from.name);
  if (taken.length === 0) return copies;
  throw new CofferError(
    'already_exists',
    'Some names cannot be declared here: see details. Nothing was changed.',
    {
      details: taken.map(({ from, draft }) => ({
        name: from.name,
        error: `has the same environment-variable form as ${draft.name}, which is declared already`,
      })),
    },
  );
}
