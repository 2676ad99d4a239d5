import { emailProblem, isSameAddress } from '../../src/access/email-address.js';

describe('an e-mail address', () => {
  it.each(['a@b.cd', 'maria+coffer@example.com', "o'neil@example.co.uk", 'maria@xn--mnchen-3ya.example'])(
    'may be %s',
    (email) => {
      expect(emailProblem(email)).toBeNull();
    },
  );

  it.each([
    '',
    'maria',
    'maria@',
    '@example.com',
    'maria@example',
    'maria @example.com',
    'maria@example.com ',
    'maria@exam ple.com',
    'maria@example.com\n',
    'marıa@example.com',
    'maria@exämple.com',
    'a@b@example.com',
    'Maria <maria@example.com>',
    `${'x'.repeat(65)}@example.com`,
    `maria@${'x.'.repeat(130)}com`,
  ])('may not be %j', (email) => {
    expect(emailProblem(email)).toMatch(/^must be an e-mail address/);
  });

  it('is the same in upper and lower case, and no other', () => {
    expect(isSameAddress('Maria@Example.COM', 'maria@example.com')).toBe(true);
    expect(isSameAddress('maria@example.com', 'mario@example.com')).toBe(false);
  });
});
