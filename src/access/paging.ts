import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { InvalidRequest } from '../errors/errors.js';
import { Page } from './answer.js';
import { FromDigits } from './text-rules.js';

export const MOST_PER_PAGE = 1_000;

/** `?limit=&cursor=` of every list that can be long. A cursor is opaque to clients: where the page before it ended. */
export class PageQuery {
  @ApiPropertyOptional({ description: 'How many at the most.', minimum: 1, maximum: MOST_PER_PAGE })
  @IsOptional()
  @FromDigits()
  @IsInt()
  @Min(1)
  @Max(MOST_PER_PAGE)
  limit?: number;

  @ApiPropertyOptional({ description: 'Where to go on: from the Link header of the page before.' })
  @IsOptional()
  @IsString()
  @MaxLength(1024)
  cursor?: string;
}

/** The key after which a page begins: as many strings as the list's order has columns. */
export function after(query: PageQuery, columns: number): readonly string[] | null {
  if (query.cursor === undefined) return null;
  const problem = new InvalidRequest([
    { field: 'cursor', error: 'is not a cursor of this list: take it from the Link header' },
  ]);
  try {
    const key: unknown = JSON.parse(Buffer.from(query.cursor, 'base64url').toString('utf8'));
    if (Array.isArray(key) && key.length === columns && key.every(isText)) return key;
  } catch {
    throw problem;
  }
  throw problem;
}

// What PostgreSQL would refuse as text is no cursor that this service made.
function isText(part: unknown): part is string {
  return typeof part === 'string' && part.isWellFormed() && !part.includes('\0');
}

/** Cuts what was read with `limit + 1` to a page, with the cursor of the next one. */
export function pageOf<Row, View>(
  found: readonly Row[],
  limit: number,
  keyOf: (row: Row) => readonly string[],
  view: (row: Row) => View,
): Page<View> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const more = found.length > limit && last !== undefined;
  const next = more ? Buffer.from(JSON.stringify(keyOf(last)), 'utf8').toString('base64url') : null;
  return new Page(items.map(view), next);
}
