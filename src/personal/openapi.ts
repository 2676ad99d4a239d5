import { applyDecorators } from '@nestjs/common';
import { ApiResponse, ApiSecurity } from '@nestjs/swagger';
import { Refuses } from '../access/answer.js';
import { Requires } from '../access/route-policy.js';
import type { ErrorCode } from '../errors/errors.js';
import { CoderErrorView } from './coder.errors.js';
import { DreadnodeErrorView } from './dreadnode.errors.js';

/** What the routes of each door declare: for people alone, by that family's header too, with every refusal in that door's envelope. */
type Reasons = Partial<Record<ErrorCode, string>>;

const ALWAYS: Reasons = {
  unsupported_media_type: 'A body that is not JSON.',
  too_large: 'A body of more than 1 MiB.',
  upgrade_required: 'The client is older than what this service serves.',
  rate_limited: 'Too many requests: Retry-After says how long to wait.',
  internal: 'Something went wrong; the log knows more under the request id.',
  unavailable: 'The database, the audit trail or the keys cannot be reached.',
};

export function CoderUserOnly(action: string, summary: string): ReturnType<typeof Requires<'user'>> {
  return Requires('user', action, summary, 'path', CoderErrorView);
}

export function CoderRefuses(reasons: Reasons = {}): MethodDecorator {
  return applyDecorators(
    ApiSecurity('coder-session-token'),
    Refuses({ ...ALWAYS, ...reasons }, CoderErrorView),
  );
}

export function DreadnodeUserOnly(action: string, summary: string): ReturnType<typeof Requires<'user'>> {
  return Requires('user', action, summary, 'path', DreadnodeErrorView);
}

/** `unprocessable`: why this door answers 422, which is its own status for broken fields. */
export function DreadnodeRefuses(
  reasons: Reasons = {},
  unprocessable: string | null = null,
): MethodDecorator {
  const broken =
    unprocessable === null
      ? []
      : [ApiResponse({ status: 422, description: unprocessable, type: DreadnodeErrorView })];
  const malformed = { invalid_request: 'The body or the path is malformed.' };
  return applyDecorators(
    ApiSecurity('x-api-key'),
    Refuses({ ...ALWAYS, ...malformed, ...reasons }, DreadnodeErrorView),
    ...broken,
  );
}
