import pg from 'pg';
import { Rights, type Holding } from '../../src/access/rights.js';
import type { ScopeIds } from '../../src/access/scope.js';
import { seen, sightOf } from '../../src/grants/seen.js';
import { createDatabase } from '../support/postgres.js';

const id = (n: number): string => `00000000-0000-4000-8000-00000000000${String(n)}`;

const SCOPES: ScopeIds[] = [
  { projectId: null, environmentId: null },
  { projectId: id(1), environmentId: null },
  { projectId: id(1), environmentId: id(2) },
  { projectId: id(1), environmentId: id(3) },
  { projectId: id(4), environmentId: null },
  { projectId: id(4), environmentId: id(5) },
];

function holding(at: ScopeIds, permissions: Holding['permissions'] = new Set(['secrets:read'])): Holding {
  return { permissions, at, owner: false, because: '' };
}

describe('what is seen', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let sql: pg.Client;

  beforeAll(async () => {
    database = await createDatabase();
    sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
  });

  afterAll(async () => {
    await sql.end();
    await database.drop();
  });

  async function seenInSql(rights: Rights, row: ScopeIds): Promise<boolean | undefined> {
    const { rows } = await sql.query<{ seen: boolean }>(`select ${seen('$3::uuid', '$4::uuid', 1)} as seen`, [
      ...sightOf(rights),
      row.projectId,
      row.environmentId,
    ]);
    return rows[0]?.seen;
  }

  it('is the same in SQL as in the rights, for one and for two holdings anywhere', async () => {
    for (const one of SCOPES) {
      for (const other of SCOPES) {
        const rights = new Rights([holding(one), holding(other)]);
        for (const row of SCOPES) expect(await seenInSql(rights, row)).toBe(rights.sees(row));
      }
    }
  });

  it('is nothing without a holding, and nothing by a holding without permissions', async () => {
    const [everywhere] = SCOPES;
    if (everywhere === undefined) throw new Error('no scope');
    for (const rights of [new Rights([]), new Rights([holding(everywhere, new Set())])]) {
      for (const row of SCOPES) {
        expect(rights.sees(row)).toBe(false);
        expect(await seenInSql(rights, row)).toBe(false);
      }
    }
  });
});
