/**
 * What can go wrong in Coffer. Every error has a stable code for programs, a public sentence for people and, at most, an internal
 * detail for the log. HTTP is unknown here: `http/error.filter.ts` turns a code into a status. No message ever carries a value.
 */
export type ErrorCode =
  | 'invalid_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'already_exists'
  | 'conflict'
  | 'no_value'
  | 'values_missing'
  | 'last_owner'
  | 'precondition_failed'
  | 'too_large'
  | 'unsupported_media_type'
  | 'unrepresentable'
  | 'upgrade_required'
  | 'rate_limited'
  | 'internal'
  | 'unavailable';

export type FieldProblem = Readonly<{ field: string; error: string }>;

export type Details = readonly Readonly<Record<string, unknown>>[];

export type ErrorFacts = Readonly<{
  details?: Details;
  /** Seconds after which trying again makes sense: the `Retry-After` header. */
  retryAfter?: number;
  /** Methods that a path does have: the `Allow` header. */
  allow?: readonly string[];
  /** For the log only. */
  cause?: unknown;
}>;

export class CofferError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly facts: ErrorFacts = {},
  ) {
    super(message, { cause: facts.cause });
    this.name = new.target.name;
  }
}

/** 400: broken rules of a request, all of them at once. */
export class InvalidRequest extends CofferError {
  constructor(problems: readonly FieldProblem[], message = 'The request breaks the rules named in details.') {
    super('invalid_request', message, problems.length > 0 ? { details: problems } : {});
  }
}

/** 401: one text for every cause, so that nobody learns which credential exists. */
export class Unauthorized extends CofferError {
  constructor(cause?: string) {
    super('unauthorized', 'A valid credential is needed: Authorization: Bearer <credential>.', { cause });
  }
}

/** 403: names the permission that is missing. */
export class Forbidden extends CofferError {
  constructor(permission: string, message = `This needs the permission ${permission} here.`) {
    super('forbidden', message, { details: [{ permission }] });
  }
}

/** 404: the same bytes for what does not exist and for what may not be seen. `names` only where the caller may read the parent. */
export class NotFound extends CofferError {
  constructor(message = 'There is nothing here that you may see.', details?: Details) {
    super('not_found', message, details === undefined ? {} : { details });
  }
}

export class AlreadyExists extends CofferError {
  constructor(what: string) {
    super('already_exists', `${what} exists already.`);
  }
}

export class Conflict extends CofferError {
  constructor(
    message: string,
    code: 'conflict' | 'no_value' | 'values_missing' | 'last_owner' = 'conflict',
    details?: Details,
  ) {
    super(code, message, details === undefined ? {} : { details });
  }
}

/** 412: `If-Match`, `ifVersion` or `ifRevision` is not what is there now. */
export class PreconditionFailed extends CofferError {
  constructor(message: string) {
    super('precondition_failed', message);
  }
}

export class RateLimited extends CofferError {
  constructor(retryAfter: number, message = 'Too many requests. Wait as long as Retry-After says.') {
    super('rate_limited', message, { retryAfter });
  }
}

/**
 * 503: a part that the answer depends on cannot be reached. No value left. Nothing was changed, unless the answer of a commit was lost: then
 * the change is there with its record, or neither is.
 */
export class Unavailable extends CofferError {
  constructor(part: 'database' | 'audit' | 'keys', cause?: unknown) {
    super('unavailable', `The ${part === 'keys' ? 'key provider' : part} cannot be reached at the moment.`, {
      retryAfter: 2,
      cause,
    });
  }
}

/** A broken assumption of our own: 500, with the detail in the log only. */
export class Unexpected extends CofferError {
  constructor(detail: string, cause?: unknown) {
    super('internal', 'Something went wrong inside the service. The log knows more under this request id.', {
      cause: cause ?? detail,
    });
  }
}
