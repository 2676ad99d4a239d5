import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ERROR_STATUS } from '../access/error-status.js';
import { CofferError } from '../errors/errors.js';
import { InUse } from './refusals.js';

/** What an error looks like at door 1, whatever it is and wherever below the door's path it happens. */
export class CoderValidationView {
  @ApiProperty({ example: 'env_name' })
  field!: string;

  @ApiProperty({ example: 'is already in use' })
  detail!: string;
}

export class CoderErrorView {
  @ApiProperty({ example: 'Validation failed.' })
  message!: string;

  @ApiPropertyOptional({ description: 'More about it, for people.' })
  detail?: string;

  @ApiPropertyOptional({ type: [CoderValidationView], description: 'Every field that is not right.' })
  validations?: CoderValidationView[];
}

/** One text for every cause: what is missing, what was never there, and a path that means nothing. */
const NOT_FOUND = 'Nothing of yours is found here.';

/** The body cannot be read as what this door takes. */
export class NotTheJsonExpected extends CofferError {
  constructor(readonly detail: string) {
    super('invalid_request', 'The request body must be valid JSON.');
  }
}

/** Some fields break their rules: all of them, in the order of the door's shape. */
export class CoderFieldsInvalid extends CofferError {
  constructor(readonly validations: readonly CoderValidationView[]) {
    super('invalid_request', 'Validation failed.');
  }
}

/** `{user}` is not the caller; whether there is such a user is not told. */
export class NotTheCaller extends CofferError {
  constructor() {
    super('invalid_request', '"user" must be an existing uuid or username.');
  }
}

/** An error in this door's own envelope. */
export function coderAnswer(error: CofferError): { status: number; body: CoderErrorView } {
  return { status: ERROR_STATUS[error.code], body: bodyOf(error) };
}

function bodyOf(error: CofferError): CoderErrorView {
  if (error.code === 'not_found') return { message: NOT_FOUND };
  if (error instanceof NotTheJsonExpected) return { message: error.message, detail: error.detail };
  if (error instanceof CoderFieldsInvalid)
    return { message: error.message, validations: [...error.validations] };
  if (error instanceof InUse) {
    return { message: error.message, validations: [{ field: error.field, detail: 'is already in use' }] };
  }
  return { message: error.message };
}
