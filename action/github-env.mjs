// The server's file for $GITHUB_ENV, and what of it a log must not show. Pure.

const NAME = /^[A-Z_][A-Z0-9_]*$/;
const SHORTEST_MASK = 4;

/** Name and value of each variable, read exactly as the runner reads them. Throws when the text is anything else: then nothing is exported. */
export function readEntries(text) {
  const entries = [];
  for (let at = 0; at < text.length;) {
    const head = /^([^=\n]+?)<<([^\n]+)\n/.exec(text.slice(at));
    const [line, name = '', delimiter = ''] = head ?? [];
    if (line === undefined || !NAME.test(name))
      throw new Error('The server answered with something else than variables.');
    const start = at + line.length;
    const end = text.indexOf(`\n${delimiter}\n`, start - 1);
    if (end === -1) throw new Error('The server answered with half of a variable.');
    entries.push({ name, value: text.slice(start, Math.max(start, end)) });
    at = end + delimiter.length + 2;
  }
  return entries;
}

/**
 * What the log must hide: every line of every value, since it shows one line at a time, also as JSON writes it. Shorter pieces than four
 * characters are left out: hiding every `a` would hide nothing and make the log unreadable.
 */
export function masksOf(entries) {
  const lines = entries
    .flatMap(({ value }) => value.split('\n'))
    .flatMap((line) => (line.includes('\r') ? [line, ...line.split('\r')] : [line]));
  const escaped = lines.map((line) => JSON.stringify(line).slice(1, -1));
  return [...new Set([...lines, ...escaped])].filter((mask) => [...mask].length >= SHORTEST_MASK);
}
