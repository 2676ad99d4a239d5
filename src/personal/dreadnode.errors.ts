import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ERROR_STATUS } from '../access/error-status.js';
import { CofferError } from '../errors/errors.js';
import { StoreFull } from './refusals.js';

/** What an error looks like at door 2, whatever it is and wherever below the door's path it happens. */
export class DreadnodeProblemView {
  @ApiProperty({
    type: [String],
    description: 'Where: the part of the request, then the field.',
    example: ['body', 'name'],
  })
  loc!: string[];

  @ApiProperty({ example: 'is required' })
  msg!: string;

  @ApiProperty({ example: 'missing' })
  type!: string;
}

export class DreadnodeErrorView {
  @ApiProperty({ type: 'integer', description: 'The HTTP status.', example: 401 })
  code!: number;

  @ApiProperty({ description: 'For people: what is wrong and what to do.' })
  detail!: string;

  @ApiProperty({ description: 'For programs: stable.', example: 'authentication_error' })
  type!: string;

  @ApiPropertyOptional({ type: [DreadnodeProblemView], description: 'Every field that is not right.' })
  errors?: DreadnodeProblemView[];
}

const UNPROCESSABLE = 422;

const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  405: 'method_not_allowed_error',
  409: 'already_exists_error',
  413: 'payload_too_large_error',
  415: 'unsupported_media_type_error',
  422: 'validation_error',
  426: 'upgrade_required_error',
  429: 'rate_limit_error',
  500: 'internal_error',
  502: 'bad_gateway_error',
  503: 'unavailable_error',
  504: 'gateway_timeout_error',
};

/** Some parts of the request break their rules: all of them, and none of the input. */
export class DreadnodeFieldsInvalid extends CofferError {
  constructor(readonly errors: readonly DreadnodeProblemView[]) {
    super('invalid_request', 'Some fields are not valid: see errors.');
  }
}

/** An error in this door's own envelope. */
export function dreadnodeAnswer(error: CofferError): { status: number; body: DreadnodeErrorView } {
  const isUnprocessable = error instanceof DreadnodeFieldsInvalid || error instanceof StoreFull;
  const status = isUnprocessable ? UNPROCESSABLE : ERROR_STATUS[error.code];
  const type = TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'internal_error');
  const body = { code: status, detail: error.message, type };
  return {
    status,
    body: error instanceof DreadnodeFieldsInvalid ? { ...body, errors: [...error.errors] } : body,
  };
}
