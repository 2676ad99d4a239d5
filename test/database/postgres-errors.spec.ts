import { describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { translateOutage } from '../../src/database/postgres-errors.js';
import { Unavailable } from '../../src/errors/errors.js';
import { serverUrl } from '../support/postgres.js';

/** What a piece of work fails with on a real server. */
async function failureOf(work: (dataSource: DataSource) => Promise<unknown>): Promise<unknown> {
  const dataSource = await new DataSource({ type: 'postgres', url: serverUrl() }).initialize();
  try {
    return await work(dataSource).then(
      () => 'no failure',
      (error: unknown) => error,
    );
  } finally {
    await dataSource.destroy();
  }
}

const raise = (code: string): string =>
  `do $$ begin raise exception 'told to' using errcode = '${code}'; end $$`;

describe('a failure of the database', () => {
  it('is an outage when the connection was lost between two statements', async () => {
    const failure = await failureOf(async (dataSource) => {
      const runner = dataSource.createQueryRunner();
      await runner.connect();
      await runner.release();
      return runner.manager.query('select 1');
    });
    expect(translateOutage(failure)).toBeInstanceOf(Unavailable);
  });

  it.each(['57P01', '53300', '53100', '57014', '55P03', '40P01', '40001', '25006'])(
    'is an outage when PostgreSQL says %s',
    async (code) => {
      const failure = await failureOf((dataSource) => dataSource.query(raise(code)));
      expect(translateOutage(failure)).toBeInstanceOf(Unavailable);
    },
  );

  it.each(['42501', '42P01', '23505', '22P02', 'XX000'])(
    'stays what it is when PostgreSQL says %s',
    async (code) => {
      const failure = await failureOf((dataSource) => dataSource.query(raise(code)));
      expect(translateOutage(failure)).toBe(failure);
      expect(failure).toBeInstanceOf(Error);
    },
  );
});
