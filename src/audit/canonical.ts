/**
 * The bytes that a chain hashes: JSON with its keys sorted by code unit at every depth and without white space, in UTF-8 (the idea of RFC
 * 8785, with integers as the only numbers). Pure.
 */

/** The canonical text of plain JSON data. Throws on anything that JSON cannot carry exactly. */
export function canonical(data: unknown): string {
  if (data === null || typeof data === 'string' || typeof data === 'boolean') return text(data);
  if (typeof data === 'number') {
    if (!Number.isSafeInteger(data)) throw new TypeError('An audit event holds whole numbers only.');
    return String(data);
  }
  if (Array.isArray(data)) return `[${data.map(canonical).join(',')}]`;
  if (typeof data !== 'object') throw new TypeError('An audit event holds plain data only.');
  return canonicalObject(data);
}

/** The same for the members of an object; those in `written` are canonical text already. */
export function canonicalObject(data: object, written: ReadonlyMap<string, string> = NOTHING): string {
  const members = data as Readonly<Record<string, unknown>>;
  // Without a comparison of its own, sort() goes by code unit.
  const keys = [...new Set([...Object.keys(data), ...written.keys()])].sort();
  let all = '';
  for (const key of keys) {
    const member = written.get(key) ?? (members[key] === undefined ? undefined : canonical(members[key]));
    if (member === undefined) continue;
    if (all !== '') all += ',';
    all += `${text(key)}:${member}`;
  }
  return `{${all}}`;
}

const NOTHING: ReadonlyMap<string, string> = new Map();

/** The canonical text of what has no members. */
export function text(plain: string | boolean | null): string {
  return JSON.stringify(plain);
}
