import type { Lines } from './entry.js';

// What GitLab strips from both ends of a value.
const OUTER_WHITE_SPACE = /^[\t\v\f ]|[\t\v\f ]$/;

// GitLab expands such references in the variables of a dotenv report, and its runner expands the shell's special
// parameters too; there is no way to escape one.
const REFERENCE = /\$[A-Za-z0-9_{*#$@!?-]|%[A-Za-z_][A-Za-z0-9_]*%/;

/** A line for GitLab's `artifacts:reports:dotenv`, which knows neither quotes nor escapes. */
export function writeGitlabDotenv(variable: string, value: string): Lines {
  if (/[\n\r]/.test(value)) return { reason: 'A dotenv report of GitLab has one line for each variable.' };
  if (OUTER_WHITE_SPACE.test(value))
    return { reason: 'GitLab strips white space from both ends of a value.' };
  if (REFERENCE.test(value))
    return { reason: 'GitLab would expand what looks like a variable in the value.' };
  return { text: `${variable}=${value}\n` };
}
