import type { Found, LocatedEntry, Problem } from './reading.js';
import type { Member, Tree } from './tree.js';

// With padding, as Kubernetes wants it.
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Whether the document says of itself that it is the manifest of a Kubernetes Secret. */
export function isSecretManifest(tree: Tree): boolean {
  return textAt(tree, 'kind') === 'Secret' && textAt(tree, 'apiVersion') !== null;
}

/** The secrets in `data` (base64) and `stringData` (text) of a Secret's manifest; the rest of it is passed over. */
export function readK8s(tree: Tree): Found {
  if (textAt(tree, 'kind') !== 'Secret') {
    return {
      entries: [],
      problems: [{ line: tree.line, problem: 'This is not the manifest of a Kubernetes Secret.' }],
    };
  }
  const entries: LocatedEntry[] = [];
  const problems: Problem[] = [];
  for (const section of membersOf(tree)) {
    if (section.key !== 'data' && section.key !== 'stringData') continue;
    for (const member of sectionMembers(section, problems)) {
      const value = section.key === 'data' ? decoded(member) : plain(member);
      entries.push({ line: member.line, name: member.key, value: 'text' in value ? value.text : null });
      if ('problem' in value) problems.push({ line: member.line, problem: value.problem });
    }
  }
  return { entries, problems };
}

/** A section that is left empty is null in YAML, and no mistake. */
function sectionMembers({ line, key, value }: Member, problems: Problem[]): readonly Member[] {
  const isEmpty = value.kind === 'other' && value.what === 'null';
  if (value.kind !== 'mapping' && !isEmpty) problems.push({ line, problem: `${key} must be a mapping.` });
  return membersOf(value);
}

type Value = { readonly text: string } | { readonly problem: string };

function plain({ value }: Member): Value {
  return value.kind === 'text'
    ? value
    : { problem: 'There is no text in stringData here; write it in quotes.' };
}

function decoded({ value }: Member): Value {
  if (value.kind !== 'text') return { problem: 'There is no base64 in data here; write it in quotes.' };
  const base64 = value.text.replace(/[\r\n]/g, '');
  if (!BASE64.test(base64)) return { problem: 'This is not valid base64.' };
  try {
    return {
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(base64, 'base64')),
    };
  } catch {
    return { problem: 'The base64 holds bytes that are not UTF-8 text; a value must be text.' };
  }
}

function membersOf(tree: Tree): readonly Member[] {
  return tree.kind === 'mapping' ? tree.members : [];
}

function textAt(tree: Tree, key: string): string | null {
  const value = membersOf(tree).find((member) => member.key === key)?.value;
  return value?.kind === 'text' ? value.text : null;
}
