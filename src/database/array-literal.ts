export type ElementType = 'uuid' | 'text' | 'bigint' | 'integer' | 'float8' | 'bytea' | 'jsonb' | 'boolean';

/** What an element is written from: bytes from their hexadecimal digits. */
export type Element = string | number | boolean | null;

/**
 * An array as PostgreSQL reads it, for a statement that runs thousands of times a second: the driver's own way looks at the type of every
 * element and copies it several times. JSON comes in an array of its own kind, so that its quotes need no escape.
 */
export function arrayLiteral<Row>(
  type: ElementType,
  rows: Iterable<Row>,
  elementOf: (row: Row) => Element,
): string {
  const written = WRITTEN[type];
  let items = '';
  for (const row of rows) {
    const element = elementOf(row);
    if (items !== '') items += ',';
    items += element === null ? 'NULL' : written(element);
  }
  return type === 'jsonb' ? `[${items}]` : `{${items}}`;
}

/** The function that takes such a parameter apart again, for `rows from (…)`. */
export function elementsOf(type: ElementType, parameter: string): string {
  return type === 'jsonb' ? `jsonb_array_elements(${parameter}::jsonb)` : `unnest(${parameter}::${type}[])`;
}

/** One value for a parameter that is no array, from the same elements. */
export function parameterOf(type: ElementType, element: Element): Element {
  return type === 'bytea' && element !== null ? `\\x${element.toString()}` : element;
}

const WRITTEN: Readonly<Record<ElementType, (element: NonNullable<Element>) => string>> = {
  text: quoted,
  bytea: (digits) => `"\\\\x${digits.toString()}"`,
  jsonb: String,
  uuid: String,
  bigint: String,
  integer: String,
  float8: String,
  boolean: String,
};

const TO_ESCAPE = /["\\]/;

function quoted(element: NonNullable<Element>): string {
  const text = String(element);
  return TO_ESCAPE.test(text) ? `"${text.replaceAll(/["\\]/g, '\\$&')}"` : `"${text}"`;
}
