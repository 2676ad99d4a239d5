const LONGEST_TOKEN = 64 * 1024;

/**
 * The file of `docker run --env-file` as Docker's command reads it: lines end with LF or CRLF and must fit, end
 * included, into 64 KiB; white space before the name and lines that begin with `#` are dropped, the value is not touched.
 */
export function readDockerEnvFile(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  const lines = text.replace(/^\ufeff/, '').split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const raw of lines) {
    if (Buffer.byteLength(raw) + 1 > LONGEST_TOKEN) throw new Error('token too long');
    const line = raw.replace(/\r$/, '').replace(/^[\s\u0085]+/u, '');
    if (line === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    const name = equals === -1 ? line : line.slice(0, equals);
    if (name === '' || /[ \t]/.test(name)) throw new Error('not a variable');
    if (equals !== -1) variables.set(name, line.slice(equals + 1));
  }
  return variables;
}
