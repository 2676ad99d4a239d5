import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { TestApp } from '../support/app.js';
import { createDatabase } from '../support/postgres.js';

describe('the key that all others are derived from', () => {
  it('is not unwrapped by another root key: the service says so and does not start', async () => {
    const database = await createDatabase();
    const first = await TestApp.start({ database, rootKey: randomBytes(32) });
    await first.close();
    const second = TestApp.start({ database, rootKey: randomBytes(32) });
    await expect(second).rejects.toThrow('This database was made under another root key');
    await database.drop();
  });
});
