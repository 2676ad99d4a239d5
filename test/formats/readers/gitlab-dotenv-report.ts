/**
 * A dotenv report as GitLab reads it: one variable on each line, both sides of the first `=` stripped of white space, an
 * empty line an error. What looks like a reference to a variable is expanded when a job gets the value, and such a
 * value counts as read differently here whether the variable exists or not.
 */
export function readGitlabDotenvReport(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  const lines = text.replace(/^\ufeff/, '').split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const line of lines) {
    const [, name, value] = /^([^=]*)=(.*)$/su.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error('Invalid Format');
    variables.set(stripped(name), expanded(stripped(value)));
  }
  return variables;
}

function stripped(text: string): string {
  return text.replace(/^[\0\t\n\v\f\r ]+|[\0\t\n\v\f\r ]+$/g, '');
}

function expanded(value: string): string {
  return value
    .replace(/\$([A-Za-z_][A-Za-z0-9_]*)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|%[A-Za-z_][A-Za-z0-9_]*%/g, '')
    .replace(/\$(?:\{[^}]*\}?|[A-Za-z0-9_*#$@!?-])/g, '');
}
