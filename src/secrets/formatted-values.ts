import type { Access } from '../access/access.js';
import { Text } from '../access/answer.js';
import { CofferError } from '../errors/errors.js';
import type { Entry } from '../formats/entry.js';
import { contentType, write, type Format } from '../formats/format.js';

/** A file of an environment's values for the program that reads them. A value that the format cannot carry is refused, never changed. */
export function fileOf(
  access: Access<'secrets:get-value'>,
  query: { name?: string; namespace?: string },
  format: Format,
  entries: readonly Entry[],
  revision: number,
): Text {
  const name = query.name ?? `${access.project.slug}-${access.environment.name}`;
  const written = write(format, entries, { secret: { name, namespace: query.namespace } });
  if ('text' in written) return new Text(written.text, contentType(format), revision);
  throw new CofferError('unrepresentable', `The format ${format} cannot carry some values: see details.`, {
    details: written.unrepresentable.map((one) => ({ name: one.name, error: one.reason })),
  });
}
