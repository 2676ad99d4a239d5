import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { ErrorCode } from '../errors/errors.js';
import { ERROR_STATUS } from './error-status.js';
import { ErrorView } from './error-view.js';

/**
 * What a service says besides the body of its answer. `http/answering.adapter.ts` turns these into headers, so that controllers stay one
 * line a route.
 */

/** A body with its entity tag (RFC 9110, 8.8.3). */
export class Tagged<T> {
  constructor(
    readonly body: T,
    readonly tag: number,
  ) {}
}

/** 304: the caller has this already. */
export class NotModified {
  constructor(readonly tag: number) {}
}

/** One page of a list; `next` is the cursor of the page after it. */
export class Page<T> {
  constructor(
    readonly items: readonly T[],
    readonly next: string | null,
  ) {}
}

/** A body that is written out already. */
export class Text {
  constructor(
    readonly content: string | Buffer,
    readonly type: string,
    readonly tag: number | null = null,
  ) {}
}

export const JSON_TYPE = 'application/json; charset=utf-8';

type Shape = abstract new (...args: never[]) => object;

/** Documents the successful answer of a route. `[View]` is a list of them; null is an answer without a body. */
export function Answers(
  status: 200 | 201 | 204,
  shape: Shape | readonly [Shape] | null,
  description: string,
): MethodDecorator {
  if (shape === null) return ApiResponse({ status, description });
  const isList = Array.isArray(shape);
  const type = (isList ? shape[0] : shape) as new () => object;
  return ApiResponse({ status, description, type, isArray: isList });
}

/** Documents the refusals of a route beyond those that `@Requires` writes, with the reason of each. A door has an `envelope` of its own. */
export function Refuses(
  reasons: Partial<Record<ErrorCode, string>>,
  envelope: new () => object = ErrorView,
): MethodDecorator {
  const byStatus = new Map<number, string[]>();
  for (const [code, reason] of Object.entries(reasons)) {
    const status = ERROR_STATUS[code as ErrorCode];
    byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\`: ${reason}`]);
  }
  return applyDecorators(
    ...[...byStatus].map(([status, lines]) =>
      ApiResponse({ status, description: lines.join(' '), type: envelope }),
    ),
  );
}
