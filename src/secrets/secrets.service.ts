import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import { JSON_TYPE, Tagged, Text, type Page } from '../access/answer.js';
import { READ_ANEW } from '../access/basis.js';
import type { Claim } from '../access/claim.js';
import { after, MOST_PER_PAGE, pageOf } from '../access/paging.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import { Ledger, type ReadDone } from '../audit/ledger.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/token.js';
import { Database } from '../database/database.js';
import { breaksUnique } from '../database/postgres-errors.js';
import { firstRow, rows, type OrgTransaction } from '../database/transaction.js';
import { CofferError, InvalidRequest, Unexpected } from '../errors/errors.js';
import { environmentForm, SECRET_NAME } from '../formats/names.js';
import { requireMatch } from './preconditions.js';
import { ReadMemory } from './read-memory.js';
import { bumpRevision, findLive, noSuchSecret, stampOf } from './secret-rows.js';
import type { ListSecretsQuery, SecretBody } from './secret.requests.js';
import { SECRET_COLUMNS, SecretView, type DeletedView, type SecretRow } from './secret.view.js';

/** Secrets as names: declared, listed, described, deleted, restored. Values are next door, in `values.service.ts`. */
@Injectable()
export class SecretsService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly ledger: Ledger,
    private readonly memory: ReadMemory,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The whole list of an environment is kept in memory when it fits on a page; every other list is read anew. */
  list(claim: Claim<'secrets:read'>, query: ListSecretsQuery): Promise<Page<SecretView> | Text> {
    const isWhole = Object.values(query).every((value) => value === undefined);
    return this.ledger.read(claim, async (access, anew): Promise<ReadDone<Page<SecretView> | Text>> => {
      const record = allowed(access, 'secret.list', {});
      const kept = isWhole && !anew ? this.memory.find(access.environment.id, 'list') : undefined;
      if (kept !== undefined) {
        return { answer: new Text(kept.content(), JSON_TYPE), record, basis: kept.basis };
      }
      return { answer: await this.readList(access, query, isWhole), record, basis: READ_ANEW };
    });
  }

  private readList(
    access: Access<'secrets:read'>,
    query: ListSecretsQuery,
    isWhole: boolean,
  ): Promise<Page<SecretView>> {
    const limit = query.limit ?? MOST_PER_PAGE;
    return this.database.forOrg(access.org.id, async (tx) => {
      const stamp = await stampOf(tx, access);
      const found = await this.readPage(tx, access, query, limit + 1);
      const page = pageOf(found, limit, (row) => [row.name, row.id], SecretView.of);
      if (isWhole && page.next === null) {
        const content = Buffer.from(JSON.stringify(page.items), 'utf8');
        this.memory.keep(access.environment.id, 'list', stamp, content, { number: found.length });
      }
      return page;
    });
  }

  declare(access: Access<'secrets:write'>, body: SecretBody): Promise<Tagged<SecretView>> {
    return this.database.forWriter(access.org.id, access.environment.id, async (tx) => {
      const revision = await bumpRevision(tx, access);
      const secret = await insertSecret(tx, access, body, revision);
      await this.audit.record(tx, access.org.id, allowed(access, 'secret.declare', { secret: body.name }));
      return tagged(secret);
    });
  }

  read(access: Access<'secrets:read'>, name: string): Promise<Tagged<SecretView>> {
    return this.database.forOrg(access.org.id, async (tx) => {
      const secret = await findLive(tx, access, name);
      await this.audit.record(tx, access.org.id, allowed(access, 'secret.read', { secret: name }));
      return tagged(secret);
    });
  }

  describe(
    access: Access<'secrets:write'>,
    name: string,
    body: SecretBody,
    ifMatch: string | undefined,
  ): Promise<Tagged<SecretView>> {
    if (body.name !== name) {
      throw new InvalidRequest([
        { field: 'name', error: 'must be the name in the path: secrets are not renamed' },
      ]);
    }
    return this.database.forWriter(access.org.id, access.environment.id, async (tx) => {
      const revision = await bumpRevision(tx, access);
      const { id } = await this.lockMatching(tx, access, name, ifMatch);
      const secret = await updated(tx, access, id, revision, 'description = $4', body.description ?? null);
      await this.audit.record(tx, access.org.id, allowed(access, 'secret.describe', { secret: name }));
      return tagged(secret);
    });
  }

  delete(access: Access<'secrets:write'>, name: string, ifMatch: string | undefined): Promise<DeletedView> {
    return this.database.forWriter(access.org.id, access.environment.id, async (tx) => {
      const revision = await bumpRevision(tx, access);
      const { id } = await this.lockMatching(tx, access, name, ifMatch);
      await updated(tx, access, id, revision, 'deleted_at = $4', new Date());
      await this.audit.record(tx, access.org.id, allowed(access, 'secret.delete', { secret: name }));
      return { deleted: true, name };
    });
  }

  /** The one of that name that was deleted last, with its versions. */
  async restore(
    access: Access<'secrets:write'>,
    name: string,
    ifMatch: string | undefined,
  ): Promise<Tagged<SecretView>> {
    if (!SECRET_NAME.test(name)) throw noSuchSecret();
    return this.database.forWriter(access.org.id, access.environment.id, async (tx) => {
      const revision = await bumpRevision(tx, access);
      const deleted = await this.lockDeleted(tx, access, name);
      requireMatch(ifMatch, Number(deleted.changed_at_revision));
      const secret = await orNameInUse(() =>
        updated(tx, access, deleted.id, revision, 'deleted_at = $4', null),
      );
      await this.audit.record(tx, access.org.id, allowed(access, 'secret.restore', { secret: name }));
      return tagged(secret);
    });
  }

  private async lockMatching(
    tx: OrgTransaction,
    access: Access<'secrets:write'>,
    name: string,
    ifMatch: string | undefined,
  ): Promise<SecretRow> {
    const secret = await findLive(tx, access, name, 'for update');
    requireMatch(ifMatch, Number(secret.changed_at_revision));
    return secret;
  }

  private async lockDeleted(
    tx: OrgTransaction,
    access: Access<'secrets:write'>,
    name: string,
  ): Promise<SecretRow> {
    const row = await firstRow<SecretRow>(
      tx,
      `select ${SECRET_COLUMNS} from secrets
       where org_id = $1 and environment_id = $2 and name = $3 and deleted_at > $4
       order by deleted_at desc, changed_at_revision desc limit 1 for update`,
      [access.org.id, access.environment.id, name, this.restorableSince()],
    );
    if (row !== undefined) return row;
    // A live one of that name is what keeps the deleted ones from coming back.
    await findLive(tx, access, name);
    throw nameInUse();
  }

  private readPage(
    tx: OrgTransaction,
    access: Access<'secrets:read'>,
    query: ListSecretsQuery,
    most: number,
  ): Promise<SecretRow[]> {
    const [name, id] = after(query, 2) ?? [null, null];
    const deleted = query.deleted === 'true';
    return rows<SecretRow>(
      tx,
      `select ${SECRET_COLUMNS} from ${deleted ? LAST_DELETED : 'secrets'}
       where org_id = $1 and environment_id = $2 and ${deleted ? IS_FREE : 'deleted_at is null'}
         and ($3::boolean is null or (current_version is not null) = $3)
         and ($4::text is null or (name, id::text) > ($4, $5))
       order by name, id limit $6`,
      [
        access.org.id,
        access.environment.id,
        query.hasValue === undefined ? null : query.hasValue === 'true',
        name,
        id,
        most,
        ...(deleted ? [this.restorableSince()] : []),
      ],
    );
  }

  private restorableSince(): Date {
    return new Date(Date.now() - this.config.retentionDays * 24 * 60 * 60 * 1000);
  }
}

// Of each name the one that was deleted last, as long as nothing live stands in its place.
const LAST_DELETED = `(
  select distinct on (name) * from secrets where org_id = $1 and environment_id = $2 and deleted_at > $7
    and ($4::text is null or name >= $4)
  order by name, deleted_at desc, changed_at_revision desc) as secrets`;
const IS_FREE = `not exists (
  select from secrets live where live.org_id = $1 and live.environment_id = $2 and live.deleted_at is null
    and live.env_form = secrets.env_form)`;

function tagged(secret: SecretRow): Tagged<SecretView> {
  return new Tagged(SecretView.of(secret), Number(secret.changed_at_revision));
}

/** Declares a name. It starts without a value, whatever a deleted secret of that name had. */
export async function insertSecret(
  tx: OrgTransaction,
  access: Access<'secrets:write'>,
  body: { name: string; description?: string | null },
  revision: number,
): Promise<SecretRow> {
  const insert = (): Promise<SecretRow[]> =>
    rows<SecretRow>(
      tx,
      `insert into secrets (org_id, id, environment_id, name, env_form, description, changed_at_revision, created_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $8) returning ${SECRET_COLUMNS}`,
      [
        access.org.id,
        randomUUID(),
        access.environment.id,
        body.name,
        environmentForm(body.name),
        body.description ?? null,
        revision,
        new Date(),
      ],
    );
  const [row] = await orNameInUse(insert);
  if (row === undefined) throw new Unexpected('an insert returned no row');
  return row;
}

async function updated(
  tx: OrgTransaction,
  access: Access<'secrets:write'>,
  id: string,
  revision: number,
  assignment: 'description = $4' | 'deleted_at = $4',
  value: unknown,
): Promise<SecretRow> {
  const row = await firstRow<SecretRow>(
    tx,
    `update secrets set ${assignment}, changed_at_revision = $3, updated_at = $5
     where org_id = $1 and id = $2 returning ${SECRET_COLUMNS}`,
    [access.org.id, id, revision, value, new Date()],
  );
  if (row === undefined) throw new Unexpected('a locked secret was not there to be updated');
  return row;
}

async function orNameInUse<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (breaksUnique(error, 'secrets_live_name')) throw nameInUse();
    throw error;
  }
}

function nameInUse(): CofferError {
  return new CofferError(
    'already_exists',
    'A secret of this name, or of another name with the same environment-variable form, is declared here already.',
  );
}
