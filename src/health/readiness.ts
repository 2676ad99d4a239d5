import { Inject, Injectable } from '@nestjs/common';
import { KEY_PROVIDER, type KeyProvider } from '../crypto/key-provider.js';
import { Database } from '../database/database.js';
import { LATEST_MIGRATION } from '../database/migrate.js';
import { firstRow } from '../database/transaction.js';
import { CofferError } from '../errors/errors.js';

const PATIENCE_MS = 2_000;

type Part = 'database' | 'migrations' | 'keys';

/** Whether everything that an answer depends on can be used right now. */
@Injectable()
export class Readiness {
  constructor(
    private readonly database: Database,
    @Inject(KEY_PROVIDER) private readonly keyProvider: KeyProvider,
  ) {}

  /** Throws `unavailable` with every part that cannot be used. */
  async check(): Promise<void> {
    const broken = (await Promise.all([this.brokenDatabase(), this.brokenKeys()])).filter(
      (part) => part !== null,
    );
    if (broken.length === 0) return;
    throw new CofferError('unavailable', `Not ready: ${broken.join(', ')}.`, {
      details: broken.map((part) => ({ part })),
      retryAfter: 2,
    });
  }

  private async brokenDatabase(): Promise<Part | null> {
    try {
      const last = await within(PATIENCE_MS, this.lastMigration());
      return last === LATEST_MIGRATION ? null : 'migrations';
    } catch {
      return 'database';
    }
  }

  private async lastMigration(): Promise<string | undefined> {
    const row = await this.database.shared((tx) =>
      firstRow<{ name: string }>(tx, 'select name from migrations order by id desc limit 1'),
    );
    return row?.name;
  }

  private async brokenKeys(): Promise<Part | null> {
    try {
      await within(PATIENCE_MS, this.keyProvider.check());
      return null;
    } catch {
      return 'keys';
    }
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('too slow'));
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
