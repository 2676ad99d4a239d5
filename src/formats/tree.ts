import type { Found, LocatedEntry, Problem } from './reading.js';

/** What JSON and YAML have in common, as far as a file of secrets is concerned. */
export type Tree =
  | { readonly kind: 'text'; readonly line: number; readonly text: string }
  | { readonly kind: 'mapping'; readonly line: number; readonly members: readonly Member[] }
  | { readonly kind: 'other'; readonly line: number; readonly what: Other };

/** A list rather than an object, so that no key can be special and a key that comes twice is seen twice. */
export interface Member {
  readonly line: number;
  readonly key: string;
  readonly value: Tree;
}

export type Other = 'a number' | 'null' | 'true or false' | 'a list';

/** A document and what is wrong with its syntax; the tree holds what could be read all the same. */
export interface Parsed {
  readonly tree: Tree;
  readonly problems: readonly Problem[];
}

/** The secrets of one flat mapping of text. */
export function flatEntries(tree: Tree): Found {
  if (tree.kind !== 'mapping') {
    return {
      entries: [],
      problems: [{ line: tree.line, problem: 'The file must hold one mapping of names to text.' }],
    };
  }
  const entries: LocatedEntry[] = [];
  const problems: Problem[] = [];
  for (const { line, key, value } of tree.members) {
    entries.push({ line, name: key, value: value.kind === 'text' ? value.text : null });
    if (value.kind !== 'text') problems.push({ line, problem: notText(value) });
  }
  return { entries, problems };
}

function notText(tree: Exclude<Tree, { kind: 'text' }>): string {
  if (tree.kind === 'mapping') return 'A mapping stands where text belongs.';
  if (tree.what === 'null') return 'Nothing stands where text belongs; write "" for an empty value.';
  if (tree.what === 'a list') return 'A list stands where text belongs.';
  return `There is ${tree.what} where text belongs; write it in quotes.`;
}
