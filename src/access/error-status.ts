import type { ErrorCode } from '../errors/errors.js';

/** The one table from a code to its HTTP status: the error filter answers by it, and OpenAPI documents by it. */
export const ERROR_STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  already_exists: 409,
  conflict: 409,
  no_value: 409,
  values_missing: 409,
  last_owner: 409,
  precondition_failed: 412,
  too_large: 413,
  unsupported_media_type: 415,
  unrepresentable: 422,
  upgrade_required: 426,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
};
