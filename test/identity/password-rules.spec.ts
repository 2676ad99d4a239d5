import { passwordProblem } from '../../src/identity/users/password-rules.js';

describe('a new password', () => {
  it.each([
    'correct horse battery staple',
    'x7Fq-2Lm9-Tz',
    'ein langer Satz mit Umläuten',
    '💧🔥🌍🌱🍞🧂🌊🪨🌲🪵🐚🦀',
    '🦀'.repeat(12),
    'x'.repeat(256),
  ])('may be %s', (password) => {
    expect(passwordProblem(password)).toBeNull();
  });

  it('has 12 to 256 characters, counted as code points and not as UTF-16 units', () => {
    expect(passwordProblem('🦀🪨🌲🪵🐚🌊🧂🍞🌱🌍🔥')).toMatch(/at least 12/);
    expect(passwordProblem(`${'🦀b'.repeat(127)}cd`)).toBeNull();
    expect(passwordProblem(`${'🦀b'.repeat(127)}cde`)).toMatch(/at most 256/);
    expect(passwordProblem('elevenchars')).toMatch(/at least 12/);
  });

  it.each([
    'password1234',
    'PassWord1234',
    'qwertyuiop123',
    '123456789012',
    'administrator',
    '1qaz2wsx3edc4rfv',
    'ｐａｓｓｗｏｒｄ１２３４',
    '111111111111',
    'aaaaaaaaaaaaaaaa',
    'abcabcabcabc',
  ])('may not be a common one: %s', (password) => {
    expect(passwordProblem(password)).toMatch(/guessed first/);
  });

  it('is never told back', () => {
    expect(passwordProblem('hunter2')).not.toContain('hunter2');
  });
});
