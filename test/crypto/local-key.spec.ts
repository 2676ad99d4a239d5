import { randomBytes } from 'node:crypto';
import { SealBroken } from '../../src/crypto/envelope.js';
import { LocalKeyProvider } from '../../src/crypto/local-key.provider.js';

describe('the local key provider', () => {
  const root = randomBytes(32);
  const key = randomBytes(32);

  it('unwraps what it wrapped, for the same owner', async () => {
    const provider = new LocalKeyProvider(root);
    expect(Buffer.from(await provider.unwrap(await provider.wrap(key, 'owner'), 'owner')).equals(key)).toBe(
      true,
    );
  });

  it('does not unwrap for another owner', async () => {
    const provider = new LocalKeyProvider(root);
    await expect(provider.unwrap(await provider.wrap(key, 'owner'), 'other')).rejects.toThrow(SealBroken);
  });

  it('does not unwrap what another root key wrapped', async () => {
    const wrapped = await new LocalKeyProvider(randomBytes(32)).wrap(key, 'owner');
    await expect(new LocalKeyProvider(root).unwrap(wrapped, 'owner')).rejects.toThrow(SealBroken);
  });

  it('unwraps under the previous root key while a rotation runs, and wraps under the new one', async () => {
    const old = new LocalKeyProvider(root);
    const next = randomBytes(32);
    const rotating = new LocalKeyProvider(next, root);
    const wrappedBefore = await old.wrap(key, 'owner');
    expect(Buffer.from(await rotating.unwrap(wrappedBefore, 'owner')).equals(key)).toBe(true);
    const wrappedAfter = await rotating.wrap(key, 'owner');
    expect(Buffer.from(await new LocalKeyProvider(next).unwrap(wrappedAfter, 'owner')).equals(key)).toBe(
      true,
    );
    await expect(old.unwrap(wrappedAfter, 'owner')).rejects.toThrow(SealBroken);
  });
});
