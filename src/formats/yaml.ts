import { Document, isScalar, Scalar, visit } from 'yaml';
import type { Entry } from './entry.js';

// YAML 1.1 readers, which are still the most common ones, fold NEL, LS and PS into a space, refuse the other
// characters of this class, and JSON leaves all of them as they are.
const NOT_PRINTABLE_EVERYWHERE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** One mapping with the names as declared and every value in double quotes. Carries every value. */
export function writeYaml(entries: readonly Entry[]): string {
  return yamlText(new Map(entries.map(({ name, value }) => [name, value])), (_key) => true);
}

/**
 * A mapping as YAML that readers of version 1.1 and of version 1.2 understand alike. The text under those keys
 * for which `quoted` says so stands in double quotes; any other text is quoted where a reader could take it for
 * something else. Keys must be ASCII.
 */
export function yamlText(mapping: ReadonlyMap<string, unknown>, quoted: (key: string) => boolean): string {
  const document = new Document(mapping, { compat: 'yaml-1.1' });
  visit(document, {
    Pair(_position, pair) {
      if (!isScalar(pair.key) || !isScalar(pair.value)) return;
      if (quoted(String(pair.key.value))) pair.value.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return document
    .toString({ doubleQuotedAsJSON: true, lineWidth: 0 })
    .replace(NOT_PRINTABLE_EVERYWHERE, (character) => `\\u${hex(character)}`);
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, '0');
}
