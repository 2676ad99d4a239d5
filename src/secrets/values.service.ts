import { Inject, Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import { Tagged } from '../access/answer.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/token.js';
import { Database } from '../database/database.js';
import { rows } from '../database/transaction.js';
import { Conflict, NotFound } from '../errors/errors.js';
import { EnvironmentKeyring } from './environment-keys.js';
import { requireMatch, requireVersion } from './preconditions.js';
import { bumpRevision, findLive } from './secret-rows.js';
import type { RollbackBody, ValueBody, VersionQuery } from './secret.requests.js';
import type { ValueSetView, ValueView, VersionView } from './value.view.js';
import { addVersion, findVersion } from './version-rows.js';

/** One secret's value: set, read, looked back at, rolled back. What is set is never echoed; what is read is on record before it leaves. */
@Injectable()
export class ValuesService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly keyring: EnvironmentKeyring,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  set(
    access: Access<'secrets:set-value'>,
    name: string,
    body: ValueBody,
    ifMatch: string | undefined,
  ): Promise<Tagged<ValueSetView>> {
    return this.keyring.with(access, (keys) =>
      this.database.forOrg(access.org.id, async (tx) => {
        const revision = await bumpRevision(tx, access);
        const secret = await findLive(tx, access, name, 'for update');
        requireMatch(ifMatch, Number(secret.changed_at_revision));
        requireVersion(body.ifVersion, secret.current_version);
        const set = await addVersion(
          tx,
          access,
          keys,
          secret,
          body.value,
          revision,
          this.config.versionsKept,
        );
        const resource = { secret: name, version: set.version };
        await this.audit.record(tx, access.org.id, allowed(access, 'secret.value-set', resource));
        return new Tagged(set, revision);
      }),
    );
  }

  get(access: Access<'secrets:get-value'>, name: string, query: VersionQuery): Promise<ValueView> {
    return this.keyring.with(access, (keys) =>
      this.database.forOrg(access.org.id, async (tx) => {
        const secret = await findLive(tx, access, name);
        if (secret.current_version === null)
          throw new Conflict(`The secret ${name} has no value.`, 'no_value');
        const found = await findVersion(
          tx,
          access.org.id,
          secret.id,
          query.version ?? secret.current_version,
        );
        if (found === undefined) throw noSuchVersion();
        const value = keys.open(secret.id, found.version, found.sealed);
        const resource = { secret: name, version: found.version };
        await this.audit.record(tx, access.org.id, allowed(access, 'secret.value-get', resource));
        return { name, value: value.reveal(), version: found.version };
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
      this.database.forOrg(access.org.id, async (tx) => {
        const revision = await bumpRevision(tx, access);
        const secret = await findLive(tx, access, name, 'for update');
        requireMatch(ifMatch, Number(secret.changed_at_revision));
        const earlier = await findVersion(tx, access.org.id, secret.id, body.version);
        if (earlier === undefined) throw noSuchVersion();
        const value = keys.open(secret.id, earlier.version, earlier.sealed);
        const set = await addVersion(tx, access, keys, secret, value, revision, this.config.versionsKept);
        const resource = { secret: name, version: set.version, from: earlier.version };
        await this.audit.record(tx, access.org.id, allowed(access, 'secret.rollback', resource));
        return new Tagged(set, revision);
      }),
    );
  }
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

function noSuchVersion(): NotFound {
  return new NotFound(
    'This secret has no such version: it never had, or it is older than the versions that are kept.',
  );
}
