import type { Member, Parsed, Tree } from './tree.js';

// RFC 8259, read here rather than by JSON.parse because that keeps only the last one of two equal keys, knows no lines,
// and shows a piece of the file in its message.
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LITERAL = /true|false|null/y;
const SPACE = /[ \t\r\n]*/y;

// Deeper than any file of secrets or manifest, and shallow enough for the stack.
const DEEPEST = 100;

/**
 * One JSON text. At the first error of syntax it stops, because nothing after that is certain; the members of the
 * outermost object that were complete by then are still given, for what else may be wrong with them.
 */
export function readJson(text: string): Parsed {
  const reader = new JsonText(text);
  try {
    return { tree: reader.document(), problems: [] };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const tree: Tree = { kind: 'mapping', line: 1, members: reader.outermost };
    return { tree, problems: [{ line: error.line, problem: error.message }] };
  }
}

class Malformed extends Error {
  constructor(
    readonly line: number,
    problem: string,
  ) {
    super(problem);
  }
}

class JsonText {
  readonly outermost: Member[] = [];
  private at = 0;
  private line = 1;

  constructor(private readonly text: string) {}

  document(): Tree {
    const tree = this.value(0);
    this.space();
    if (this.at < this.text.length) throw this.malformed('Something follows the end of the JSON text.');
    return tree;
  }

  private value(depth: number): Tree {
    if (depth > DEEPEST) throw this.malformed('The JSON text is nested too deeply.');
    this.space();
    const { line } = this;
    const next = this.text.charAt(this.at);
    if (next === '{') return { kind: 'mapping', line, members: this.members(depth) };
    if (next === '[') return this.list(depth);
    if (next === '"') return { kind: 'text', line, text: this.string() };
    if (this.take(NUMBER) !== null) return { kind: 'other', line, what: 'a number' };
    const literal = this.take(LITERAL);
    if (literal === null) throw this.malformed('A value is missing or is not JSON here.');
    return { kind: 'other', line, what: literal === 'null' ? 'null' : 'true or false' };
  }

  private members(depth: number): Member[] {
    const members: Member[] = depth === 0 ? this.outermost : [];
    this.inBrackets('}', () => {
      this.space();
      const { line } = this;
      if (this.text.charAt(this.at) !== '"') throw this.malformed('A name in double quotes is missing here.');
      const key = this.string();
      if (!this.skip(':')) throw this.malformed('A colon is missing after a name.');
      members.push({ line, key, value: this.value(depth + 1) });
    });
    return members;
  }

  private list(depth: number): Tree {
    const { line } = this;
    this.inBrackets(']', () => this.value(depth + 1));
    return { kind: 'other', line, what: 'a list' };
  }

  private inBrackets(close: string, element: () => void): void {
    this.at += 1;
    if (this.skip(close)) return;
    do element();
    while (this.skip(','));
    if (!this.skip(close)) throw this.malformed(`A comma or a closing ${close} is missing.`);
  }

  private string(): string {
    const start = this.at;
    this.at += 1;
    this.take(PLAIN);
    while (this.take(ESCAPE) !== null) this.take(PLAIN);
    if (this.text.charAt(this.at) !== '"') {
      throw this.malformed('A text has no closing quote in its line, or an escape that JSON does not know.');
    }
    this.at += 1;
    const decoded: unknown = JSON.parse(this.text.slice(start, this.at));
    return String(decoded);
  }

  private skip(character: string): boolean {
    this.space();
    if (this.text.charAt(this.at) !== character) return false;
    this.at += 1;
    return true;
  }

  private space(): void {
    const space = this.take(SPACE) ?? '';
    this.line += space.split('\n').length - 1;
  }

  /** The next token, if the text goes on with one of this kind. */
  private take(token: RegExp): string | null {
    token.lastIndex = this.at;
    const [taken] = token.exec(this.text) ?? [null];
    this.at += taken?.length ?? 0;
    return taken;
  }

  private malformed(problem: string): Malformed {
    return new Malformed(this.line, problem);
  }
}
