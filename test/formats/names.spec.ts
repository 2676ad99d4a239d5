import { environmentForm, nameProblem, SECRET_NAME } from '../../src/formats/names.js';

const RESERVED =
  `PATH HOME USER SHELL PWD IFS TMPDIR PS4 PROMPT_COMMAND BASH_ENV SHELLOPTS BASHOPTS NODE_OPTIONS
  NODE_PATH NODE_EXTRA_CA_CERTS PYTHONPATH PYTHONSTARTUP PYTHONHOME PERL5OPT PERL5LIB RUBYOPT RUBYLIB
  JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS SSH_ASKPASS SSH_AUTH_SOCK EDITOR VISUAL PAGER BROWSER GIT_SSH
  GIT_SSH_COMMAND GIT_ASKPASS GIT_EXEC_PATH GIT_EXTERNAL_DIFF GIT_PAGER GIT_EDITOR GIT_PROXY_COMMAND
  GIT_TEMPLATE_DIR GITHUB_ENV GITHUB_PATH GITHUB_OUTPUT GITHUB_STATE GITHUB_STEP_SUMMARY LD_PRELOAD
  LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES GIT_CONFIG_COUNT ACTIONS_RUNTIME_TOKEN NPM_CONFIG_REGISTRY COFFER_TOKEN
  LD_ DYLD_ GIT_CONFIG_ ACTIONS_ NPM_CONFIG_ COFFER_ __proto__ constructor prototype`.split(/\s+/);

describe('a name that is fine', () => {
  it.each([
    ...['DATABASE_URL', 'api-key', 'a', '_', '_x', 'tls.crt', 'A.b-c_9', 'GITHUB_TOKEN', 'GIT_TOKEN'],
    ...['NODE_ENV', 'ENV', 'LDAP_URL', 'GIT_CONFIG', 'COFFER', 'PATHS', 'X_PATH', 'toString', 'a..b', 'x--'],
  ])('%s has no problem', (name) => {
    expect(nameProblem(name)).toBeNull();
    expect(SECRET_NAME.test(name)).toBe(true);
  });

  it('may have 128 characters and not one more', () => {
    expect(nameProblem('a'.repeat(128))).toBeNull();
    expect(nameProblem('a'.repeat(129))).toMatch(/at most 128 characters/);
    expect(nameProblem('a'.repeat(10_000))).toMatch(/at most 128 characters/);
  });
});

describe('a name with the wrong characters', () => {
  it.each([
    ['nothing', ''],
    ['a digit first', '1A'],
    ['a hyphen first', '-A'],
    ['a dot first', '.A'],
    ['a single dot', '.'],
    ['two dots', '..'],
    ['a space inside', 'A B'],
    ['a space at the end', 'A '],
    ['a newline at the end', 'A\n'],
    ['an equals sign', 'A=B'],
    ['a slash', 'A/B'],
    ['a percent-encoded slash', 'A%2fB'],
    ['a dollar sign', 'A$B'],
    ['a NUL', 'A\0'],
    ['a letter with an accent, composed', 'CAF\u00c9'],
    ['a letter with an accent, decomposed', 'CAFE\u0301'],
    ['full-width letters', '\uff21\uff22'],
    ['the Kelvin sign, which folds to a k', 'API_\u212aEY'],
    ['a dotless i, which upper-cases to an I', 'ap\u0131'],
    ['a right-to-left override', 'A\u202eB'],
    ['a zero-width space', 'A\u200bB'],
    ['a lone surrogate', 'A\ud800'],
  ])('is refused with a sentence: %s', (_what, name) => {
    expect(nameProblem(name)).toMatch(/^A name .*\.$/);
  });

  it('is not shown in the sentence, for it may be a value in the wrong place', () => {
    expect(nameProblem('hunter2 is my password')).not.toContain('hunter2');
  });
});

describe('a reserved name', () => {
  it.each(RESERVED)('%s is refused in every spelling of the same variable', (name) => {
    // The first character stays: a name cannot begin with a hyphen or a dot.
    const withInner = (sign: string): string => name.charAt(0) + name.slice(1).replaceAll('_', sign);
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase(), withInner('-'), withInner('.')]) {
      expect(nameProblem(spelling)).toMatch(/reserved/);
    }
  });
});

describe('the environment form', () => {
  it.each([
    ['stripe-key', 'STRIPE_KEY'],
    ['tls.crt', 'TLS_CRT'],
    ['API_KEY', 'API_KEY'],
    ['a.b-c_d', 'A_B_C_D'],
  ])('of %s is %s', (name, form) => {
    expect(environmentForm(name)).toBe(form);
  });

  it('is a valid variable name for every valid secret name', () => {
    for (const name of ['_', 'a-', 'Z.9', 'x'.repeat(128)]) {
      expect(environmentForm(name)).toMatch(/^[A-Z_][A-Z0-9_]*$/);
    }
  });
});
