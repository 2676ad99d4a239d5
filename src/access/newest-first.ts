import { Page } from './answer.js';
import { after, MOST_PER_PAGE, pageOf, type PageQuery } from './paging.js';
import { InvalidRequest } from '../errors/errors.js';
import { momentOf } from './moment.js';
import { isUuid } from './uuid.js';

/** Tokens and sessions are listed newest first: by the time of their making, then by id. */
export const NEWEST_FIRST = 'order by created_at desc, id desc';

/** The condition that a row comes after the cursor, whose two parameters begin with number `first`. */
export function olderThan(first: number): string {
  const [createdAt, id] = [`$${String(first)}`, `$${String(first + 1)}`];
  return `(${createdAt}::timestamptz is null or (created_at, id) < (${createdAt}::timestamptz, ${id}::uuid))`;
}

export type Slice = Readonly<{ limit: number; createdAt: string | null; id: string | null }>;

/** What a query asks for. A cursor that this service did not make is refused before PostgreSQL would be. */
export function sliceOf(query: PageQuery): Slice {
  const limit = query.limit ?? MOST_PER_PAGE;
  const [createdAt, id] = after(query, 2) ?? [];
  if (createdAt === undefined || id === undefined) return { limit, createdAt: null, id: null };
  if (momentOf(createdAt)?.toISOString() !== createdAt || !isUuid(id)) {
    throw new InvalidRequest([
      { field: 'cursor', error: 'is not a cursor of this list: take it from the Link header' },
    ]);
  }
  return { limit, createdAt, id };
}

/** A page out of what was read with one row more than its limit. */
export function newestFirst<Row extends { id: string; created_at: Date }, View>(
  found: readonly Row[],
  slice: Slice,
  view: (row: Row) => View,
): Page<View> {
  return pageOf(found, slice.limit, (row) => [row.created_at.toISOString(), row.id], view);
}
