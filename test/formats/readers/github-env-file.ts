/**
 * The environment file as GitHub's runner reads it on Linux and macOS: `NAME=value` to the end of the line, or
 * `NAME<<DELIMITER`, the lines of the value, and the delimiter alone on a line; whichever sign comes first decides.
 */
export function readGithubEnvFile(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line === '') continue;
    const equals = line.indexOf('=');
    const heredoc = line.indexOf('<<');
    if (equals !== -1 && (heredoc === -1 || equals < heredoc)) {
      variables.set(line.slice(0, equals), line.slice(equals + 1));
      continue;
    }
    const delimiter = line.slice(heredoc + 2);
    if (heredoc < 1 || delimiter === '') throw new Error('not a variable');
    const end = lines.indexOf(delimiter, at + 1);
    if (end === -1) throw new Error('the delimiter does not come back');
    variables.set(line.slice(0, heredoc), lines.slice(at + 1, end).join('\n'));
    at = end;
  }
  return variables;
}

/** What a runner that reads these lines of a step's output would hide in its log. */
export function readGithubMasks(output: string): string[] {
  const lines = output.split(/\r\n|\r|\n/);
  if (lines.pop() !== '') throw new Error('the last command does not end');
  return lines.map((line) => {
    const data = /^::add-mask::(.*)$/su.exec(line)?.[1];
    if (data === undefined) throw new Error('a line is no mask');
    return data.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
  });
}
