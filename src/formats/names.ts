// What a secret may be called. The server, the command and every writer share these rules, so that a name
// which one of them accepts never surprises another. Nothing here corrects a name: it is taken as it is or
// refused with a reason.

/** The whole rule for a secret's name, apart from the reserved ones. Names are case-sensitive. */
export const SECRET_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/;

const LONGEST_NAME = 128;

// Each of these makes a shell, an interpreter, a loader or a CI runner execute, load or fetch something that
// its value names. Whoever may set a value must not gain code execution where somebody only asked for values.
const RESERVED = new Set([
  ...['PATH', 'HOME', 'USER', 'SHELL', 'PWD', 'IFS', 'TMPDIR', 'PS4', 'PROMPT_COMMAND'],
  ...['BASH_ENV', 'SHELLOPTS', 'BASHOPTS'],
  ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_EXTRA_CA_CERTS'],
  ...['PYTHONPATH', 'PYTHONSTARTUP', 'PYTHONHOME', 'PERL5OPT', 'PERL5LIB', 'RUBYOPT', 'RUBYLIB'],
  ...['JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS'],
  ...['SSH_ASKPASS', 'SSH_AUTH_SOCK', 'EDITOR', 'VISUAL', 'PAGER', 'BROWSER'],
  ...['GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_ASKPASS', 'GIT_EXEC_PATH', 'GIT_EXTERNAL_DIFF', 'GIT_PAGER'],
  ...['GIT_EDITOR', 'GIT_PROXY_COMMAND', 'GIT_TEMPLATE_DIR'],
  ...['GITHUB_ENV', 'GITHUB_PATH', 'GITHUB_OUTPUT', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY'],
  // The three names that reach an object's prototype in JavaScript, in their environment form.
  ...['__PROTO__', 'CONSTRUCTOR', 'PROTOTYPE'],
]);

const RESERVED_PREFIXES = ['LD_', 'DYLD_', 'GIT_CONFIG_', 'ACTIONS_', 'NPM_CONFIG_', 'COFFER_'] as const;

/**
 * The name as an environment variable: upper case, with `.` and `-` as `_`. Two names with the same form cannot
 * live in one environment, because one of the two lines of an export would win silently.
 */
export function environmentForm(name: string): string {
  return name.toUpperCase().replace(/[.-]/g, '_');
}

/** Why the name is refused, as a sentence for people, or null when it is fine. */
export function nameProblem(name: string): string | null {
  if (name === '') return 'A name must not be empty.';
  if (!SECRET_NAME.test(name)) {
    if (name.length > LONGEST_NAME) return `A name has at most ${LONGEST_NAME} characters.`;
    if (!/^[A-Za-z_]/.test(name)) return 'A name begins with a letter (A-Z, a-z) or an underscore.';
    return 'A name consists of letters (A-Z, a-z), digits, underscores, dots and hyphens only.';
  }

  const form = environmentForm(name);
  if (RESERVED.has(form)) {
    return `The name ${form} is reserved, because programs act on that variable; choose another one.`;
  }
  const prefix = RESERVED_PREFIXES.find((each) => form.startsWith(each));
  if (prefix !== undefined) {
    return `Names that begin with ${prefix} are reserved, because programs act on them; choose another one.`;
  }
  return null;
}
