// Files of secrets on their way in. Nothing is trimmed, folded or guessed: a file gives exactly the values that stand
// in it, or every problem with its line, and never a piece of what stands there.
import { isUtf8 } from 'node:buffer';
import { type Found, type Problem, type Read, settle } from './reading.js';
import { readDotenv } from './read-dotenv.js';
import { readJson } from './read-json.js';
import { isSecretManifest, readK8s } from './read-k8s.js';
import { readYaml } from './read-yaml.js';
import { flatEntries, type Parsed } from './tree.js';

export type { Problem, Read } from './reading.js';

/** What `read` understands; a manifest of Kubernetes may be written in JSON or in YAML. */
export const READABLE_FORMATS = ['dotenv', 'json', 'yaml', 'k8s'] as const;

export type ReadableFormat = (typeof READABLE_FORMATS)[number];

/**
 * The secrets in a file's bytes. Without a format, the name's ending decides: `.json`, `.yaml` and `.yml` (where a
 * manifest of a Secret is known by its `kind`); anything else is dotenv, unless it begins with a brace.
 */
export function read(bytes: Uint8Array, fileName: string, format?: ReadableFormat): Read {
  const encoding = encodingProblems(bytes);
  if (encoding.length > 0) return { problems: encoding };
  const text = new TextDecoder('utf-8').decode(bytes);
  return settle(found(text, format ?? formatOf(fileName, text), format === undefined));
}

function found(text: string, format: ReadableFormat, mayBeManifest: boolean): Found {
  if (format === 'dotenv') return readDotenv(text);
  const parsed =
    format === 'json' || (format === 'k8s' && isBraced(text)) ? readJson(text) : parsedYaml(text);
  const isManifest = format === 'k8s' || (mayBeManifest && isSecretManifest(parsed.tree));
  const { entries, problems } = isManifest ? readK8s(parsed.tree) : flatEntries(parsed.tree);
  return { entries, problems: [...parsed.problems, ...problems] };
}

/** The parser of YAML goes deeper with every bracket, and a hostile file can exhaust its stack. */
function parsedYaml(text: string): Parsed {
  try {
    return readYaml(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const problem = { line: 1, problem: 'The YAML is nested too deeply.' };
    return { tree: { kind: 'mapping', line: 1, members: [] }, problems: [problem] };
  }
}

function formatOf(fileName: string, text: string): ReadableFormat {
  if (/\.json$/i.test(fileName)) return 'json';
  if (/\.ya?ml$/i.test(fileName)) return 'yaml';
  return isBraced(text) ? 'json' : 'dotenv';
}

function isBraced(text: string): boolean {
  return /^\s*\{/.test(text);
}

/** Every line that is not UTF-8. No byte of a longer character looks like a line feed, so lines can be taken apart. */
function encodingProblems(bytes: Uint8Array): Problem[] {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return [{ line: 1, problem: 'The file is UTF-16; save it as UTF-8.' }];
  }
  const problems: Problem[] = [];
  for (let line = 1, start = 0; start < bytes.length; line += 1) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed === -1 ? bytes.length : feed + 1;
    if (!isUtf8(bytes.subarray(start, end))) problems.push({ line, problem: 'The line is not UTF-8 text.' });
    start = end;
  }
  return problems;
}
