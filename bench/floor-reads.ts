import type { Pool, PoolClient } from 'pg';
import type { DataKeys } from '../src/crypto/data-key.js';
import { dataKeysOf, type FloorKeys } from './floor.js';

type SealedRow = Readonly<{ id: string; name: string; version: number; sealed: Buffer }>;
type ListRow = Readonly<{
  name: string;
  description: string | null;
  current_version: number | null;
  created_at: Date;
  updated_at: Date;
}>;

const SEALED = `
  select s.id, s.name, v.version, v.sealed
  from secrets s
  join secret_versions v on v.org_id = s.org_id and v.secret_id = s.id and v.version = s.current_version
  where s.org_id = $1 and s.environment_id = $2 and s.deleted_at is null`;

const ONE = { name: 'one', text: `${SEALED} and s.name = $3` };
const VALUES = { name: 'values', text: `${SEALED} order by s.name` };
const LIST = {
  name: 'list',
  text: `
    select id, name, description, current_version, changed_at_revision, created_at, updated_at from secrets
    where org_id = $1 and environment_id = $2 and deleted_at is null order by name, id limit 1001`,
};

/** Floors without a record: one query, and the opening of what it brings. */
export class FloorReads {
  private readonly keys: ReadonlyMap<string, DataKeys>;

  constructor(
    private readonly pool: Pool,
    keys: FloorKeys,
  ) {
    this.keys = new Map([...keys].map(([environment, { own }]) => [environment, dataKeysOf(own)]));
  }

  async one(org: string, environment: string, name: string, client?: PoolClient): Promise<object> {
    const query = { ...ONE, values: [org, environment, name] };
    const { rows } = await (client ?? this.pool).query<SealedRow>(query);
    const [row] = rows;
    if (row === undefined) throw new Error(`There is no ${name}.`);
    return { name, value: this.open(org, environment, row), version: row.version };
  }

  async values(org: string, environment: string): Promise<object> {
    const { rows } = await this.pool.query<SealedRow>({ ...VALUES, values: [org, environment] });
    const values = rows.map((row) => [row.name, this.open(org, environment, row)]);
    return { values: Object.fromEntries(values) as object };
  }

  async list(org: string, environment: string): Promise<object> {
    const { rows } = await this.pool.query<ListRow>({ ...LIST, values: [org, environment] });
    return rows.map((row) => ({
      name: row.name,
      description: row.description,
      hasValue: row.current_version !== null,
      version: row.current_version,
      createdAt: row.created_at.toISOString(),
      updatedAt: row.updated_at.toISOString(),
    }));
  }

  private open(org: string, environment: string, { id, version, sealed }: SealedRow): string {
    const keys = this.keys.get(environment);
    if (keys === undefined) throw new Error(`The floor has no key of ${environment}.`);
    return keys.open({ purpose: 'value', path: [org, environment, id, version] }, sealed).reveal();
  }
}
