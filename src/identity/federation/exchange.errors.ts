import { pathOf } from '../../access/door.js';
import { ERROR_STATUS } from '../../access/error-status.js';
import { CofferError, type ErrorCode } from '../../errors/errors.js';

const PATH = '/auth/federation/token';
const LONGEST_DESCRIPTION = 1_000;

/** Whether a request's target is the exchange of tokens, whose clients speak OAuth. */
export function isExchange(target: string): boolean {
  return pathOf(target) === PATH;
}

export class UnsupportedGrantType extends CofferError {
  constructor() {
    super(
      'invalid_request',
      'The grant_type of this path is urn:ietf:params:oauth:grant-type:token-exchange.',
    );
  }
}

/**
 * One text for every cause that has to do with the token or with the trust: whoever has no right there learns nothing from it, not even
 * whether the organisation exists. RFC 8693, 2.2.2 has one code for all of these.
 */
export class ExchangeRefused extends CofferError {
  constructor() {
    super(
      'invalid_request',
      'The subject token is not accepted for this audience. Whoever manages the trust finds the reason in the audit trail of the organisation.',
    );
  }
}

const CODES: Partial<Record<ErrorCode, string>> = {
  internal: 'server_error',
  unavailable: 'temporarily_unavailable',
  rate_limited: 'temporarily_unavailable',
};

/** An error in the form of RFC 6749, 5.2, which RFC 8693 uses. */
export function exchangeAnswer(error: CofferError): { status: number; body: object } {
  const code = error instanceof UnsupportedGrantType ? 'unsupported_grant_type' : CODES[error.code];
  return {
    status: ERROR_STATUS[error.code],
    body: { error: code ?? 'invalid_request', error_description: descriptionOf(error) },
  };
}

function descriptionOf({ message, facts: { details = [] } }: CofferError): string {
  const problems = details.map(({ field, error }) => `${String(field)}: ${String(error)}`);
  const text = problems.length === 0 ? message : problems.join('; ');
  // The characters that RFC 6749 allows there.
  return text
    .slice(0, LONGEST_DESCRIPTION)
    .replaceAll('’', "'")
    .replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?');
}
