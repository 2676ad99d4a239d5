import { foldName, usernameProblem } from '../../src/identity/users/names.js';

describe('a username', () => {
  it.each(['a', '7', 'maria', 'maria-2', 'a--b', 'x'.repeat(39), 'mee', 'secrets-1'])('may be %s', (name) => {
    expect(usernameProblem(name)).toBeNull();
  });

  it.each([
    '',
    '-a',
    'a-',
    'Maria',
    'ma ria',
    ' maria',
    'maria\n',
    'ma.ria',
    'ma_ria',
    'märia',
    'ｍaria',
    'x'.repeat(40),
    'maria@example.com',
    '__proto__',
  ])('may not be %j', (name) => {
    expect(usernameProblem(name)).toMatch(/^must have 1 to 39/);
  });

  it.each(['me', 'secrets'])('may not be %s, which means something else in a path', (name) => {
    expect(usernameProblem(name)).toMatch(/means something else/);
  });

  it('may not look like an id', () => {
    expect(usernameProblem('0f4e2a51-93c7-4b1d-8e60-a5d2f7c31b98')).toBe('must not look like an id');
  });
});

describe('a name', () => {
  it('is compared without case', () => {
    expect(foldName('Maria@Example.COM')).toBe('maria@example.com');
  });
});
