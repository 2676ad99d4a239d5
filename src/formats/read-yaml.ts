import {
  Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  Scalar,
  visit,
} from 'yaml';
import type { Node, YAMLError, YAMLMap } from 'yaml';
import type { Problem } from './reading.js';
import type { Member, Other, Parsed, Tree } from './tree.js';

/**
 * One document as YAML 1.2 understands it. Aliases, anchors, tags and merge keys are refused, never followed. Of a
 * document with an error of syntax only that is given which stands before the first one.
 */
export function readYaml(text: string): Parsed {
  const lines = new LineCounter();
  const [document, second] = documentsOf(text, lines);
  if (document === undefined) return { tree: { kind: 'mapping', line: 1, members: [] }, problems: [] };

  const syntax = document.errors.map((error) => syntaxProblem(document, error, lines));
  const problems = [...syntax, ...indirections(document, lines)];
  if (second !== undefined) {
    const line = lineOf(second.contents, lines);
    problems.push({ line, problem: 'A second YAML document begins before this line; a file holds one.' });
  }
  const tree = treeOf(document.contents, lines);
  return {
    tree: syntax.length === 0 ? tree : before(tree, Math.min(...syntax.map(({ line }) => line))),
    problems,
  };
}

function documentsOf(text: string, lines: LineCounter): readonly Document[] {
  const documents = parseAllDocuments(text, {
    version: '1.2',
    schema: 'core',
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
  });
  return [...documents];
}

function syntaxProblem(document: Document, error: YAMLError, lines: LineCounter): Problem {
  const [at] = error.pos;
  const quoted = error.code === 'MISSING_CHAR' ? openQuote(document, at) : undefined;
  if (quoted !== undefined) {
    return { line: lineOf(quoted, lines), problem: 'The quote that opens here is never closed.' };
  }
  return {
    line: lines.linePos(at).line,
    problem: EXPLANATIONS[error.code] ?? 'This line is not valid YAML.',
  };
}

const EXPLANATIONS: Partial<Record<YAMLError['code'], string>> = {
  BAD_INDENT: 'The line is not indented like the others, or a bracket is not closed.',
  BLOCK_AS_IMPLICIT_KEY: 'A mapping stands where text belongs; write text that holds a colon in quotes.',
  NON_STRING_KEY: 'A name must be text.',
  TAB_AS_INDENT: 'The line is indented with a tab; YAML wants spaces.',
};

/** The text in quotes that reaches from before `at` to there. */
function openQuote(document: Document, at: number): Scalar | undefined {
  let open: Scalar | undefined;
  visit(document, {
    Scalar(_position, scalar) {
      const isQuoted = scalar.type === Scalar.QUOTE_DOUBLE || scalar.type === Scalar.QUOTE_SINGLE;
      if (isQuoted && scalar.range && scalar.range[0] < at && at <= scalar.range[2]) open = scalar;
    },
  });
  return open;
}

/** Everything that makes a value come from elsewhere than the place where it stands. */
function indirections(document: Document, lines: LineCounter): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Node(_position, node) {
      const line = lineOf(node, lines);
      if (isAlias(node)) problems.push({ line, problem: 'Aliases are not followed; write the text itself.' });
      else if (node.anchor !== undefined) problems.push({ line, problem: 'Anchors are not allowed.' });
      if (node.tag !== undefined) problems.push({ line, problem: 'Tags are not allowed; use quotes.' });
    },
    Pair(_position, { key }) {
      if (!isScalar(key) || key.value !== '<<') return;
      problems.push({ line: lineOf(key, lines), problem: 'Merge keys are not followed.' });
    },
  });
  return problems;
}

function treeOf(node: Node | null, lines: LineCounter): Tree {
  const line = lineOf(node, lines);
  if (isMap(node)) return { kind: 'mapping', line, members: membersOf(node, lines) };
  if (isScalar(node) && typeof node.value === 'string') return { kind: 'text', line, text: node.value };
  return { kind: 'other', line, what: whatIs(node) };
}

function membersOf(map: YAMLMap, lines: LineCounter): Member[] {
  return map.items.flatMap(({ key, value }) => {
    if (!isScalar(key)) return [];
    const tree = treeOf(isNode(value) ? value : null, lines);
    return [{ line: lineOf(key, lines), key: String(key.value), value: tree }];
  });
}

function whatIs(node: Node | null): Other {
  if (isSeq(node)) return 'a list';
  if (!isScalar(node) || node.value === null) return 'null';
  return typeof node.value === 'boolean' ? 'true or false' : 'a number';
}

function before(tree: Tree, line: number): Tree {
  if (tree.kind !== 'mapping') return { kind: 'mapping', line: 1, members: [] };
  return { ...tree, members: tree.members.filter((member) => member.line < line) };
}

function lineOf(node: Node | null, lines: LineCounter): number {
  return node?.range ? lines.linePos(node.range[0]).line : 1;
}
