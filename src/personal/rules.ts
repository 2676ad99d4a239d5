// What the fields of a personal secret may be. Each function tells the first thing that is wrong, as the end of a
// sentence that begins with the field's name and never shows the input, or null. Both doors share these rules.

const MOST_NAME_CHARACTERS = 255;
const MOST_DESCRIPTION_CHARACTERS = 1_024;
const MOST_ENV_NAME_BYTES = 256;
const MOST_PATH_BYTES = 4_096;

/** The largest value, in bytes of its UTF-8 form. */
export const LARGEST_VALUE = 65_536;

// Variables that decide what a shell, a loader or a session does. A secret must not be able to take their place.
const RESERVED = new Set([
  ...['PATH', 'HOME', 'SHELL', 'USER', 'LOGNAME', 'PWD', 'OLDPWD', 'LANG', 'TERM'],
  ...['IFS', 'CDPATH', 'ENV', 'BASH_ENV', 'TMPDIR', 'TMP', 'TEMP', 'HOSTNAME'],
  ...['SSH_AUTH_SOCK', 'SSH_CLIENT', 'SSH_CONNECTION', 'SSH_TTY', 'EDITOR', 'VISUAL', 'PAGER'],
  ...['XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_CACHE_HOME', 'XDG_STATE_HOME'],
  ...['VSCODE_PROXY_URI', 'CS_DISABLE_GETTING_STARTED_OVERRIDE'],
]);

const RESERVED_PREFIXES = ['CODER_', 'COFFER_', 'GIT_', 'LC_', 'LD_', 'DYLD_'];

const HALF_A_PAIR = 'must be Unicode text, without half of a surrogate pair';
const NUL = 'must not contain null bytes';

/** Free text, as long as it can be a segment of a path: names travel in URLs. */
export function nameProblem(name: string): string | null {
  if (!name.isWellFormed()) return HALF_A_PAIR;
  if (/^[\s\u0085]*$/.test(name)) return 'is required';
  if (/^[\s\u0085]|[\s\u0085]$/.test(name)) return 'must not begin or end with whitespace';
  if (/[/?#]/.test(name)) return 'must not contain / ? or #';
  if (/\p{Cc}/u.test(name)) return 'must not contain control characters';
  if (name === '.' || name === '..') return 'must not be . or .., which no client can send in a path';
  return charactersProblem(name, MOST_NAME_CHARACTERS);
}

/** Whether a value may be empty is told by the route. */
export function valueProblem(value: string): string | null {
  if (!value.isWellFormed()) return HALF_A_PAIR;
  if (value.includes('\0')) return NUL;
  return bytesProblem(value, LARGEST_VALUE);
}

export function descriptionProblem(description: string): string | null {
  if (!description.isWellFormed()) return HALF_A_PAIR;
  if (description.includes('\0')) return NUL;
  return charactersProblem(description, MOST_DESCRIPTION_CHARACTERS);
}

/** Who the value is for; free text. */
export function providerProblem(provider: string): string | null {
  if (!provider.isWellFormed()) return HALF_A_PAIR;
  if (provider.includes('\0')) return NUL;
  return charactersProblem(provider, MOST_NAME_CHARACTERS);
}

/** The name of an environment variable that a secret may take. */
export function envNameProblem(name: string): string | null {
  if (!name.isWellFormed()) return HALF_A_PAIR;
  const tooLong = bytesProblem(name, MOST_ENV_NAME_BYTES);
  if (tooLong !== null) return tooLong;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return 'must start with a letter or underscore, with letters, digits and underscores after it';
  }
  return reservedProblem(name);
}

/** Reserved in every spelling, since some systems do not tell them apart. */
export function reservedProblem(name: string): string | null {
  const upper = name.toUpperCase();
  if (RESERVED.has(upper)) return `is reserved: ${upper} already means something to shells and programs`;
  const prefix = RESERVED_PREFIXES.find((each) => upper.startsWith(each));
  if (prefix !== undefined) return `is reserved: names that begin with ${prefix} mean something to programs`;
  if (upper === 'CODER' || upper === 'COFFER') return `is reserved, like all names that begin with ${upper}_`;
  return null;
}

export function filePathProblem(path: string): string | null {
  if (!path.isWellFormed()) return HALF_A_PAIR;
  if (!path.startsWith('~/') && !path.startsWith('/')) return 'must start with ~/ or /';
  return bytesProblem(path, MOST_PATH_BYTES) ?? (path.includes('\0') ? NUL : null);
}

function charactersProblem(text: string, most: number): string | null {
  return [...text].length > most ? `must not exceed ${most.toLocaleString('en')} characters` : null;
}

function bytesProblem(text: string, most: number): string | null {
  return Buffer.byteLength(text, 'utf8') > most ? `must not exceed ${most.toLocaleString('en')} bytes` : null;
}
