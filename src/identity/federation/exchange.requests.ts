import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Equals } from 'class-validator';
import { MayBeLeftOut, TextRule } from '../../access/text-rules.js';
import { LONGEST_SUBJECT_TOKEN } from './subject-token.js';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';

const LONGEST_AUDIENCE = 500;

/** A token exchange as RFC 8693, 2.1 writes it, as far as it means something here. */
export class ExchangeBody {
  @ApiProperty({ enum: [TOKEN_EXCHANGE] })
  @TextRule('grantType', (text) => (text === '' ? 'must not be empty' : null))
  grant_type!: string;

  @ApiProperty({
    description: 'The token of the other issuer: a signed JSON Web Token.',
    maxLength: LONGEST_SUBJECT_TOKEN,
  })
  @TextRule('subjectToken', (text) =>
    text === '' || text.length > LONGEST_SUBJECT_TOKEN
      ? `must be a JSON Web Token with at most ${LONGEST_SUBJECT_TOKEN.toLocaleString('en')} characters`
      : null,
  )
  subject_token!: string;

  @ApiProperty({ enum: [JWT, ID_TOKEN] })
  @TextRule('subjectTokenType', (text) => (text === JWT || text === ID_TOKEN ? null : `must be ${JWT}`))
  subject_token_type!: string;

  @ApiProperty({ description: '`{o}/{p}/{the trust’s name}`.', example: 'acme/web/deploy' })
  @TextRule('audience', (text) =>
    text === '' || text.length > LONGEST_AUDIENCE
      ? 'must be the organisation, the project and the name of the trust, with a slash between them'
      : null,
  )
  audience!: string;

  @ApiPropertyOptional({ enum: [ACCESS_TOKEN], description: 'What there is to be had; may be left out.' })
  @MayBeLeftOut()
  @Equals(ACCESS_TOKEN, { message: `must be ${ACCESS_TOKEN}, or left out` })
  requested_token_type?: string;
}
