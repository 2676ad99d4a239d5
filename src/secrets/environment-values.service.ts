import { Injectable } from '@nestjs/common';
import type { Access, AnyAccess } from '../access/access.js';
import { NotModified, Tagged, type Text } from '../access/answer.js';
import { scopePath } from '../access/scope.js';
import { allowed, type Resource } from '../audit/audit-event.js';
import { Audit } from '../audit/audit.js';
import { Database } from '../database/database.js';
import { prepared, rows, type OrgTransaction } from '../database/transaction.js';
import { Conflict, NotFound } from '../errors/errors.js';
import type { Entry } from '../formats/entry.js';
import { EnvironmentKeyring, type EnvironmentKeys } from './environment-keys.js';
import { fileOf } from './formatted-values.js';
import { isKnown } from './preconditions.js';
import type { ValuesQuery } from './secret.requests.js';
import type { EnvironmentValuesView, ReadinessView } from './value.view.js';

/** What a pipeline reads: all values of an environment in one consistent state, or a loud error. And whether that would succeed. */
@Injectable()
export class EnvironmentValuesService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly keyring: EnvironmentKeyring,
  ) {}

  read(
    access: Access<'secrets:get-value'>,
    query: ValuesQuery,
    ifNoneMatch: string | undefined,
  ): Promise<Tagged<EnvironmentValuesView> | Text | NotModified> {
    return this.keyring.with(access, (keys) =>
      this.database.forOrg(access.org.id, async (tx) => {
        const state = chosen(await readState(tx, access), query.names);
        const missing = namesWithoutValue(state);
        if (missing.length > 0 && query.missing !== 'omit') throw valuesMissing(missing);
        const known = isKnown(ifNoneMatch, state.revision);
        const answer = known
          ? new NotModified(state.revision)
          : answerOf(access, query, keys, state, missing);
        await this.audit.record(tx, access.org.id, allowed(access, 'values.get', resourceOf(state, known)));
        return answer;
      }),
    );
  }

  readiness(access: Access<'secrets:read'>): Promise<ReadinessView> {
    return this.database.forOrg(access.org.id, async (tx) => {
      const state = await readState(tx, access);
      const missing = namesWithoutValue(state);
      await this.audit.record(tx, access.org.id, allowed(access, 'values.readiness', {}));
      return {
        ready: missing.length === 0,
        revision: state.revision,
        declared: state.secrets.length,
        missing,
      };
    });
  }
}

/** The opened values, as the query asks for them: in one JSON object, or as a file. */
function answerOf(
  access: Access<'secrets:get-value'>,
  query: ValuesQuery,
  keys: EnvironmentKeys,
  state: State,
  missing: string[],
): Tagged<EnvironmentValuesView> | Text {
  const entries: Entry[] = state.secrets
    .filter(hasValue)
    .map(({ id, name, version, sealed }) => ({ name, value: keys.open(id, version, sealed).reveal() }));
  if (query.format !== undefined) return fileOf(access, query, query.format, entries, state.revision);
  const view = {
    environment: scopePath(access.scope),
    revision: state.revision,
    values: Object.fromEntries(entries.map(({ name, value }) => [name, value])),
    ...(query.missing === 'omit' ? { missing } : {}),
  };
  return new Tagged(view, state.revision);
}

type SecretState = Readonly<{ id: string; name: string; version: number | null; sealed: Buffer | null }>;
type WithValue = SecretState & Readonly<{ version: number; sealed: Buffer }>;
type State = Readonly<{ revision: number; secrets: readonly SecretState[] }>;

type StateRow = Readonly<{
  revision: string;
  id: string | null;
  name: string | null;
  version: number | null;
  sealed: Buffer | null;
}>;

const SELECT_STATE = prepared(`
  select e.revision, s.id, s.name, v.version, v.sealed
  from environments e
  left join secrets s on s.org_id = e.org_id and s.environment_id = e.id and s.deleted_at is null
  left join secret_versions v on v.org_id = s.org_id and v.secret_id = s.id and v.version = s.current_version
  where e.org_id = $1 and e.id = $2
  order by s.name`);

/** One statement sees one state: never half of a change that was made in one transaction. */
async function readState(tx: OrgTransaction, access: AnyAccess): Promise<State> {
  const found = await rows<StateRow>(tx, SELECT_STATE, [access.org.id, access.environment.id]);
  const [first] = found;
  if (first === undefined) throw new NotFound();
  const secrets = found.flatMap(({ id, name, version, sealed }) =>
    id === null || name === null ? [] : [{ id, name, version, sealed }],
  );
  return { revision: Number(first.revision), secrets };
}

/** Only the secrets that were asked for by name; every one of them must be declared. */
function chosen(state: State, names: string | undefined): State {
  if (names === undefined) return state;
  const wanted = new Set(names.split(','));
  const declared = new Set(state.secrets.map((secret) => secret.name));
  const unknown = [...wanted].filter((name) => !declared.has(name));
  if (unknown.length > 0) {
    throw new NotFound(
      'Some of these secrets are not declared in this environment: see details.',
      unknown.map((name) => ({ name })),
    );
  }
  return { revision: state.revision, secrets: state.secrets.filter((secret) => wanted.has(secret.name)) };
}

function hasValue(secret: SecretState): secret is WithValue {
  return secret.version !== null && secret.sealed !== null;
}

function namesWithoutValue(state: State): string[] {
  return state.secrets.filter((secret) => !hasValue(secret)).map((secret) => secret.name);
}

function valuesMissing(names: readonly string[]): Conflict {
  return new Conflict(
    'Some declared secrets have no value: see details. Set them, or ask with missing=omit.',
    'values_missing',
    names.map((name) => ({ name })),
  );
}

/** Names every secret and version that leaves; for a 304 nothing leaves. */
function resourceOf(state: State, known: boolean): Resource {
  if (known) return { revision: state.revision, notModified: true };
  const secrets = state.secrets.filter(hasValue).map(({ name, version }) => ({ secret: name, version }));
  return { revision: state.revision, secrets };
}
