import { ApiProperty } from '@nestjs/swagger';
import { ACCESS_TOKEN } from './exchange.requests.js';

/** The answer of RFC 8693, 2.2.1. */
export class ExchangedTokenView {
  @ApiProperty({ description: 'Acts as the trust that matched.', example: 'cofs_…' })
  access_token!: string;

  @ApiProperty({ enum: [ACCESS_TOKEN] })
  issued_token_type!: string;

  @ApiProperty({ enum: ['Bearer'] })
  token_type!: string;

  @ApiProperty({ type: 'integer', description: 'Seconds.', example: 900 })
  expires_in!: number;

  static of(text: string, seconds: number): ExchangedTokenView {
    return { access_token: text, issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: seconds };
  }
}

/** An error of this one route, in the form of RFC 6749, 5.2. */
export class ExchangeErrorView {
  @ApiProperty({
    enum: ['invalid_request', 'unsupported_grant_type', 'temporarily_unavailable', 'server_error'],
  })
  error!: string;

  @ApiProperty({ description: 'For people.' })
  error_description!: string;
}
