import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRootKey } from '../../src/crypto/root-key.js';

describe('the root key in the data directory', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'coffer-key-'));
  });

  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const read = () => readRootKey({ kind: 'data-dir' }, dataDir);

  it('is made once, readable by its owner alone, and nothing else is left behind', async () => {
    const key = await read();
    expect(key).toHaveLength(32);
    expect(await read()).toEqual(key);
    expect((await stat(join(dataDir, 'root.key'))).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual(['root.key']);
  });

  it('is one key for all who start at the same time', async () => {
    const keys = await Promise.all(Array.from({ length: 16 }, read));
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
  });

  it('is never replaced, whatever is wrong with it', async () => {
    await writeFile(join(dataDir, 'root.key'), '', { mode: 0o600 });
    await expect(read()).rejects.toThrow('cannot be used');
    expect(await readFile(join(dataDir, 'root.key'), 'utf8')).toBe('');
  });

  it('is refused when everybody can read it', async () => {
    await read();
    await chmod(join(dataDir, 'root.key'), 0o644);
    await expect(read()).rejects.toThrow('chmod 600');
  });
});
