import { parseOptions } from '@node-rs/argon2';
import { Passwords } from '../../src/identity/users/passwords.js';

describe('passwords', () => {
  const passwords = new Passwords();

  it('are hashed with argon2id, at least 19 MiB and two passes', async () => {
    const stored = await passwords.hash('correct horse battery staple');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(parseOptions(stored)).toMatchObject({ saltLen: 16, outputLen: 32 });
  });

  it('match whichever way a keyboard wrote the same letter', async () => {
    const stored = await passwords.hash('caf\u00e9 caf\u00e9 caf\u00e9');
    expect(await passwords.matches(stored, 'cafe\u0301 cafe\u0301 cafe\u0301')).toBe(true);
    expect(await passwords.matches(stored, 'cafe cafe cafe')).toBe(false);
  });

  it('match nothing where there is no account', async () => {
    expect(await passwords.matches(null, '')).toBe(false);
  });

  it('take four turns at once and never more, in the order in which they came', async () => {
    let running = 0;
    let most = 0;
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        passwords.inTurn(async () => {
          order.push(index);
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
        }),
      ),
    );
    expect(most).toBe(4);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('give their turn on when the work fails', async () => {
    const fails = () => Promise.reject(new Error('no'));
    await Promise.allSettled(Array.from({ length: 9 }, () => passwords.inTurn(fails)));
    await expect(passwords.inTurn(() => Promise.resolve('yes'))).resolves.toBe('yes');
  });
});
