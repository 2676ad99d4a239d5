import { Inject, Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import { JSON_TYPE, Tagged, Text } from '../access/answer.js';
import { READ_ANEW } from '../access/basis.js';
import type { Claim } from '../access/claim.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import { Ledger } from '../audit/ledger.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/token.js';
import { Database } from '../database/database.js';
import { rows, type WriterTransaction } from '../database/transaction.js';
import { EnvironmentKeyring } from './environment-keys.js';
import { requireMatch, requireVersion } from './preconditions.js';
import { ReadMemory, type ReadState } from './read-memory.js';
import { bumpRevision, findLive } from './secret-rows.js';
import type { RollbackBody, ValueBody, VersionQuery } from './secret.requests.js';
import type { ValueSetView, ValueView, VersionView } from './value.view.js';
import { addVersion, findValue, findVersion, noSuchVersion } from './version-rows.js';

/** One secret's value: set, read, looked back at, rolled back. What is set is never echoed; what is read is on record before it leaves. */
@Injectable()
export class ValuesService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly ledger: Ledger,
    private readonly keyring: EnvironmentKeyring,
    private readonly memory: ReadMemory,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  set(
    claim: Claim<'secrets:set-value'>,
    name: string,
    body: ValueBody,
    ifMatch: string | undefined,
  ): Promise<Tagged<ValueSetView>> {
    return this.ledger.change(claim, (access, basis) =>
      this.keyring.with(access, (keys) => {
        const write = async (tx: WriterTransaction): Promise<Tagged<ValueSetView>> => {
          // The environment before the secret: locks are taken in one order. Both statements fly together.
          const [revision, secret] = await Promise.all([
            bumpRevision(tx, access),
            findLive(tx, access, name, 'for update'),
          ]);
          requireMatch(ifMatch, Number(secret.changed_at_revision));
          requireVersion(body.ifVersion, secret.current_version);
          const { view, written } = addVersion(
            tx,
            access,
            keys,
            secret,
            body.value,
            revision,
            this.config.versionsKept,
          );
          const record = allowed(access, 'secret.value-set', { secret: name, version: view.version });
          await Promise.all([written, this.audit.record(tx, access.org.id, record)]);
          return new Tagged(view, revision);
        };
        return this.database.forWriter(access.org.id, access.environment.id, write, basis);
      }),
    );
  }

  get(claim: Claim<'secrets:get-value'>, name: string, query: VersionQuery): Promise<Text> {
    return this.ledger.read(claim, async (access, anew) => {
      const isPresent = query.version === undefined;
      const kept = isPresent && !anew ? this.memory.find(access.environment.id, valueOf(name)) : undefined;
      const state = kept ?? (await this.readValue(access, name, query.version));
      const record = allowed(access, 'secret.value-get', { secret: name, version: state.number });
      return { answer: new Text(state.content(), JSON_TYPE), record, basis: state.basis };
    });
  }

  private readValue(
    access: Access<'secrets:get-value'>,
    name: string,
    version: number | undefined,
  ): Promise<ReadState> {
    return this.keyring.with(access, (keys) =>
      this.database.forOrg(access.org.id, async (tx) => {
        const found = await findValue(tx, access, name, version);
        const value = keys.open(found.id, found.version, found.sealed);
        const view: ValueView = { name, value: value.reveal(), version: found.version };
        const content = Buffer.from(JSON.stringify(view), 'utf8');
        const facts = { number: found.version };
        return version === undefined
          ? this.memory.keep(access.environment.id, valueOf(name), found.stamp, content, facts)
          : { ...facts, content: () => content, basis: READ_ANEW };
      }),
    );
  }

  versions(access: Access<'secrets:read'>, name: string): Promise<VersionView[]> {
    return this.database.forOrg(access.org.id, async (tx) => {
      const secret = await findLive(tx, access, name);
      const found = await rows<VersionRow>(
        tx,
        `select version, created_at, created_by_type, created_by_name from secret_versions
         where org_id = $1 and secret_id = $2 order by version desc`,
        [access.org.id, secret.id],
      );
      await this.audit.record(tx, access.org.id, allowed(access, 'secret.versions', { secret: name }));
      return found.map((row) => versionView(row, secret.current_version));
    });
  }

  /** A new version with an earlier one's value: nobody sees it on the way. */
  rollback(
    access: Access<'secrets:set-value'>,
    name: string,
    body: RollbackBody,
    ifMatch: string | undefined,
  ): Promise<Tagged<ValueSetView>> {
    return this.keyring.with(access, (keys) =>
      this.database.forWriter(access.org.id, access.environment.id, async (tx) => {
        const revision = await bumpRevision(tx, access);
        const secret = await findLive(tx, access, name, 'for update');
        requireMatch(ifMatch, Number(secret.changed_at_revision));
        const earlier = await findVersion(tx, access.org.id, secret.id, body.version);
        if (earlier === undefined) throw noSuchVersion();
        const value = keys.open(secret.id, earlier.version, earlier.sealed);
        const { view, written } = addVersion(
          tx,
          access,
          keys,
          secret,
          value,
          revision,
          this.config.versionsKept,
        );
        const resource = { secret: name, version: view.version, from: earlier.version };
        const record = allowed(access, 'secret.rollback', resource);
        await Promise.all([written, this.audit.record(tx, access.org.id, record)]);
        return new Tagged(view, revision);
      }),
    );
  }
}

/** What the present value of a secret is kept as. */
function valueOf(name: string): string {
  return `value/${name}`;
}

type VersionRow = Readonly<{
  version: number;
  created_at: Date;
  created_by_type: string;
  created_by_name: string | null;
}>;

function versionView(row: VersionRow, current: number | null): VersionView {
  return {
    version: row.version,
    createdAt: row.created_at.toISOString(),
    createdBy: { type: row.created_by_type, name: row.created_by_name },
    current: row.version === current,
  };
}
