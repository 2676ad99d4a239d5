import { Injectable } from '@nestjs/common';
import type { Access, AnyAccess } from '../access/access.js';
import { JSON_TYPE, NotModified, Text } from '../access/answer.js';
import type { Claim } from '../access/claim.js';
import { scopePath } from '../access/scope.js';
import { allowed } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import { EventList, type NamedSecret } from '../audit/event-list.js';
import { Ledger } from '../audit/ledger.js';
import { Database } from '../database/database.js';
import { firstRow, prepared, rows, type OrgTransaction, type Prepared } from '../database/transaction.js';
import { Conflict, NotFound } from '../errors/errors.js';
import { EnvironmentKeyring } from './environment-keys.js';
import { fileOf } from './formatted-values.js';
import { isKnown } from './preconditions.js';
import { ReadMemory, type ReadFacts, type ReadState } from './read-memory.js';
import type { ValuesQuery } from './secret.requests.js';
import type { ReadinessView } from './value.view.js';
import { IS_DAMAGED, refuseDamaged } from './version-rows.js';

/** What a pipeline reads: all values of an environment in one consistent state, or a loud error. And whether that would succeed. */
@Injectable()
export class EnvironmentValuesService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly ledger: Ledger,
    private readonly keyring: EnvironmentKeyring,
    private readonly memory: ReadMemory,
  ) {}

  read(
    claim: Claim<'secrets:get-value'>,
    query: ValuesQuery,
    ifNoneMatch: string | undefined,
  ): Promise<Text | NotModified> {
    return this.ledger.read(claim, async (access, anew) => {
      const kept = anew ? undefined : this.memory.find(access.environment.id, 'values');
      const known = kept ?? (await this.knownState(access, ifNoneMatch, anew));
      const values = chosen(known ?? (await this.readValues(access)), query.names);
      const { number: revision, missing = [], list } = values;
      if (missing.length > 0 && query.missing !== 'omit') throw valuesMissing(missing);
      const isNew = !isKnown(ifNoneMatch, revision);
      return {
        answer: isNew ? answerOf(access, query, values) : new NotModified(revision),
        // Names every secret and version that leaves; with a 304 nothing leaves.
        record: isNew
          ? allowed(access, 'values.get', { revision }, list)
          : allowed(access, 'values.get', { revision, notModified: true }),
        basis: values.basis,
      };
    });
  }

  readiness(access: Access<'secrets:read'>): Promise<ReadinessView> {
    return this.database.forOrg(access.org.id, async (tx) => {
      const { revision, secrets } = await readSecrets(tx, access, SELECT_NAMES);
      await this.audit.record(tx, access.org.id, allowed(access, 'values.readiness', {}));
      const missing = namesWithoutValue(secrets);
      return { ready: missing.length === 0, revision, declared: secrets.length, missing };
    });
  }

  /** What a 304 needs to know, without anything opened for it; undefined when the caller does not know the present revision. */
  private async knownState(
    access: Access<'secrets:get-value'>,
    ifNoneMatch: string | undefined,
    anew: boolean,
  ): Promise<ReadState | undefined> {
    if (ifNoneMatch === undefined) return undefined;
    const kept = anew ? undefined : this.memory.find(access.environment.id, 'names');
    if (kept !== undefined && isKnown(ifNoneMatch, kept.number)) return kept;
    return this.database.forOrg(access.org.id, async (tx) => {
      if (!isKnown(ifNoneMatch, await readRevision(tx, access))) return undefined;
      const { revision, stamp, secrets } = await readSecrets(tx, access, SELECT_NAMES);
      if (!isKnown(ifNoneMatch, revision)) return undefined;
      return this.memory.keep(access.environment.id, 'names', stamp, NOTHING, factsOf(revision, secrets));
    });
  }

  private readValues(access: Access<'secrets:get-value'>): Promise<ReadState> {
    return this.keyring.with(access, (keys) =>
      this.database.forOrg(access.org.id, async (tx) => {
        const { revision, stamp, secrets } = await readSecrets(tx, access);
        const present = secrets.filter(hasValue);
        const values = present.map((one) => [one.name, keys.open(one.id, one.version, one.sealed).reveal()]);
        const content = Buffer.from(JSON.stringify(Object.fromEntries(values)), 'utf8');
        return this.memory.keep(access.environment.id, 'values', stamp, content, factsOf(revision, secrets));
      }),
    );
  }
}

/** The values as the query asks for them: in one JSON object, or as a file. */
function answerOf(access: Access<'secrets:get-value'>, query: ValuesQuery, values: ReadState): Text {
  const { number: revision, missing } = values;
  if (query.format !== undefined) {
    const entries = Object.entries(parsed(values)).map(([name, value]) => ({ name, value }));
    return fileOf(access, query, query.format, entries, revision);
  }
  const environment = JSON.stringify(scopePath(access.scope));
  const omitted = query.missing === 'omit' ? `,"missing":${JSON.stringify(missing)}` : '';
  const content = Buffer.concat([
    Buffer.from(`{"environment":${environment},"revision":${String(revision)},"values":`, 'utf8'),
    values.content(),
    Buffer.from(`${omitted}}`, 'utf8'),
  ]);
  return new Text(content, JSON_TYPE, revision);
}

/** Only the secrets that were asked for by name; every one of them must be declared. */
function chosen(all: ReadState, names: string | undefined): ReadState {
  if (names === undefined) return all;
  const wanted = new Set(names.split(','));
  const present = (all.list?.secrets ?? []).filter(({ secret }) => wanted.has(secret));
  const missing = (all.missing ?? []).filter((name) => wanted.has(name));
  const declared = new Set([...present.map(({ secret }) => secret), ...missing]);
  const unknown = [...wanted].filter((name) => !declared.has(name));
  if (unknown.length > 0) {
    throw new NotFound(
      'Some of these secrets are not declared in this environment: see details.',
      unknown.map((name) => ({ name })),
    );
  }
  return {
    number: all.number,
    list: new EventList(present),
    missing,
    basis: all.basis,
    content: () => contentOf(all, present),
  };
}

function contentOf(all: ReadState, secrets: readonly NamedSecret[]): Buffer {
  const values = parsed(all);
  return Buffer.from(
    JSON.stringify(Object.fromEntries(secrets.map(({ secret }) => [secret, values[secret]]))),
    'utf8',
  );
}

function parsed(values: ReadState): Record<string, string> {
  return JSON.parse(values.content().toString('utf8')) as Record<string, string>;
}

type SecretState = Readonly<{ id: string; name: string; version: number | null; sealed: Buffer | null }>;
type WithValue = SecretState & Readonly<{ version: number; sealed: Buffer }>;
type State = Readonly<{ revision: number; stamp: string; secrets: readonly SecretState[] }>;

type StateRow = Readonly<{
  revision: string;
  stamp: string;
  id: string | null;
  name: string | null;
  version: number | null;
  sealed: Buffer | null;
  damaged: boolean;
}>;

const SELECT_REVISION = prepared('select revision from environments where org_id = $1 and id = $2');
const SELECT_STATE = stateWith('v.sealed');
/** The same without what is sealed: only whether it is there. */
const SELECT_NAMES = stateWith(`case when v.sealed is not null then ''::bytea end as sealed`);
const NOTHING = Buffer.alloc(0);

function stateWith(sealed: string): Prepared {
  return prepared(`
    select e.revision, m.stamp, s.id, s.name, v.version, ${sealed}, ${IS_DAMAGED} as damaged
    from environments e
    join stamps m on m.subject = e.id
    left join secrets s on s.org_id = e.org_id and s.environment_id = e.id and s.deleted_at is null
    left join secret_versions v on v.org_id = s.org_id and v.secret_id = s.id and v.version = s.current_version
    where e.org_id = $1 and e.id = $2
    order by s.name`);
}

async function readRevision(tx: OrgTransaction, access: AnyAccess): Promise<number> {
  const row = await firstRow<{ revision: string }>(tx, SELECT_REVISION, [
    access.org.id,
    access.environment.id,
  ]);
  if (row === undefined) throw new NotFound();
  return Number(row.revision);
}

/** One statement sees one state: never half of a change that was made in one transaction. */
async function readSecrets(tx: OrgTransaction, access: AnyAccess, statement = SELECT_STATE): Promise<State> {
  const found = await rows<StateRow>(tx, statement, [access.org.id, access.environment.id]);
  const [first] = found;
  if (first === undefined) throw new NotFound();
  refuseDamaged(found);
  const secrets = found.flatMap(({ id, name, version, sealed }) =>
    id === null || name === null ? [] : [{ id, name, version, sealed }],
  );
  return { revision: Number(first.revision), stamp: first.stamp, secrets };
}

function factsOf(revision: number, secrets: readonly SecretState[]): ReadFacts {
  const present = secrets.filter(hasValue);
  return {
    number: revision,
    list: new EventList(present.map(({ name, version }) => ({ secret: name, version }))),
    missing: namesWithoutValue(secrets),
  };
}

function hasValue(secret: SecretState): secret is WithValue {
  return secret.version !== null && secret.sealed !== null;
}

function namesWithoutValue(secrets: readonly SecretState[]): string[] {
  return secrets.filter((secret) => !hasValue(secret)).map((secret) => secret.name);
}

function valuesMissing(names: readonly string[]): Conflict {
  return new Conflict(
    'Some declared secrets have no value: see details. Set them, or ask with missing=omit.',
    'values_missing',
    names.map((name) => ({ name })),
  );
}
