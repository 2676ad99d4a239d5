/**
 * An `env_file` as Docker Compose (compose-go 2) reads it, as far as quoted values go: inside quotes a backslash stays
 * with the character that it stands before, unless that is the quote. Double quotes and bare values are expanded
 * after that, which is reason enough for a writer not to use them; here they are an error.
 */
export function readComposeEnvFile(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  let rest = text.replace(/^\ufeff/, '');
  for (;;) {
    rest = rest.replace(/^(?:[\s\u0085]+|#[^\n]*)+/u, '');
    if (rest === '') return variables;
    const name = /^(?:export[ \t]+)?([A-Za-z0-9_.[\]-]+)[ \t]*[=:][ \t\v\f\r\u0085\u00a0]*/.exec(rest);
    if (name?.[1] === undefined) throw new Error('unexpected character in variable name');
    rest = rest.slice(name[0].length);
    if (!rest.startsWith("'")) throw new Error('the value would be expanded');
    const [value, length] = singleQuoted(rest);
    variables.set(name[1], value);
    rest = rest.slice(length);
  }
}

function singleQuoted(text: string): [value: string, length: number] {
  let value = '';
  for (let at = 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === "'") return [value, at + 1];
    if (character !== '\\') {
      value += character;
      continue;
    }
    at += 1;
    const escaped = text.charAt(at);
    value += escaped === "'" ? "'" : `\\${escaped}`;
  }
  throw new Error('unterminated quoted value');
}
