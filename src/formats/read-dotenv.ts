import type { Found, LocatedEntry, Problem } from './reading.js';

const UNESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };

const BLANK_OR_COMMENT = /^[ \t]*(?:#[^\r]*)?$/;

/** What one statement adds to the file's findings, and where the next one begins. */
interface Statement {
  readonly entry?: LocatedEntry;
  readonly problem?: Problem;
  readonly end: number;
}

/**
 * The secrets of a `.env` file, without any expansion. Both ways to end a line count as a line feed, inside quotes too,
 * as they do for the programs that read such a file.
 */
export function readDotenv(file: string): Found {
  const text = file.replaceAll('\r\n', '\n');
  const entries: LocatedEntry[] = [];
  const problems: Problem[] = [];
  let line = 1;
  for (let start = 0; start < text.length;) {
    const statement = readStatement(text, start, line);
    if (statement.entry) entries.push(statement.entry);
    if (statement.problem) problems.push(statement.problem);
    line += lineFeeds(text, start, statement.end);
    start = statement.end;
  }
  return { entries, problems };
}

function readStatement(text: string, start: number, line: number): Statement {
  const content = text.slice(start, lineEnd(text, start));
  const end = start + content.length + 1;
  if (BLANK_OR_COMMENT.test(content)) return { end };

  const equals = content.indexOf('=');
  if (equals === -1) return { end, problem: { line, problem: 'The line has no "=" after a name.' } };
  const name = withoutBlanks(content.slice(0, equals).replace(/^[ \t]*export(?=[ \t])/, ''));
  const open = start + equals + 1 + leadingBlanks(content.slice(equals + 1));
  if (isQuote(text.charAt(open))) return readQuoted(text, open, { name, line, end });

  if (content.includes('\r')) {
    const problem = 'The line holds a carriage return; end lines with LF or CRLF.';
    return { end, entry: { line, name, value: null }, problem: { line, problem } };
  }
  return { end, entry: { line, name, value: bareValue(content.slice(equals + 1)) } };
}

/** The quoted value that opens at `open`; a quote that stays open costs no more than its own line. */
function readQuoted(text: string, open: number, at: { name: string; line: number; end: number }): Statement {
  const { name, line } = at;
  const quote = text.charAt(open);
  const close = closingQuote(text, open);
  if (close === -1) {
    const problem = 'The quote that opens here is never closed.';
    return { end: at.end, entry: { line, name, value: null }, problem: { line, problem } };
  }

  const inside = text.slice(open + 1, close);
  const entry = { line, name, value: quote === '"' ? unescaped(inside) : inside };
  const lastLineEnd = lineEnd(text, close);
  if (BLANK_OR_COMMENT.test(text.slice(close + 1, lastLineEnd))) return { end: lastLineEnd + 1, entry };
  const where = line + lineFeeds(text, open, close);
  const problem = { line: where, problem: 'Only a comment may follow the closing quote.' };
  return { end: lastLineEnd + 1, entry, problem };
}

function unescaped(text: string): string {
  return text.replace(/\\([nrt"\\])/g, (_escape, letter: string) => UNESCAPED[letter] ?? letter);
}

function bareValue(rest: string): string {
  const comment = rest.search(/[ \t]#/);
  return withoutBlanks(comment === -1 ? rest : rest.slice(0, comment));
}

function isQuote(character: string): boolean {
  return character === "'" || character === '"' || character === '`';
}

function closingQuote(text: string, open: number): number {
  const quote = text.charAt(open);
  let close = text.indexOf(quote, open + 1);
  while (quote === '"' && close !== -1 && isEscaped(text, open, close))
    close = text.indexOf(quote, close + 1);
  return close;
}

/** Whether an odd number of backslashes stands before the quote. */
function isEscaped(text: string, open: number, at: number): boolean {
  let first = at;
  while (first - 1 > open && text.charAt(first - 1) === '\\') first -= 1;
  return (at - first) % 2 === 1;
}

function withoutBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text.charAt(end - 1))) end -= 1;
  return text.slice(Math.min(leadingBlanks(text), end), end);
}

function leadingBlanks(text: string): number {
  return text.search(/[^ \t]|$/);
}

function isBlank(character: string): boolean {
  return character === ' ' || character === '\t';
}

function lineEnd(text: string, from: number): number {
  const feed = text.indexOf('\n', from);
  return feed === -1 ? text.length : feed;
}

function lineFeeds(text: string, from: number, to: number): number {
  return text.slice(from, to).split('\n').length - 1;
}
