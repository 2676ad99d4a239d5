import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiConsumes, ApiTags } from '@nestjs/swagger';
import { Answers, Refuses } from '../../access/answer.js';
import type { Origin } from '../../access/caller.js';
import { From, Public } from '../../access/route-policy.js';
import { ExchangeBody } from './exchange.requests.js';
import { ExchangeService } from './exchange.service.js';
import { ExchangedTokenView, ExchangeErrorView } from './exchange.view.js';

@ApiTags('Trusts')
@Controller('/auth/federation')
export class ExchangeController {
  constructor(private readonly exchanges: ExchangeService) {}

  @Post('token')
  @HttpCode(200)
  @Public(
    'trust.exchange',
    'Exchange a token of an issuer that is trusted for one of this service (RFC 8693).',
  )
  @ApiConsumes('application/x-www-form-urlencoded', 'application/json')
  @Answers(200, ExchangedTokenView, 'A short-lived token that acts as the trust.')
  @Refuses(
    {
      invalid_request: 'A rule is broken, or the token is not accepted: it is not told why.',
      too_large: 'The body is too large.',
      unsupported_media_type: 'The body is neither a form nor JSON.',
      rate_limited: 'Too many requests: `Retry-After` says how long to wait.',
      internal: 'Something went wrong inside the service.',
      unavailable: 'The database or the audit trail cannot be reached.',
    },
    ExchangeErrorView,
  )
  exchange(@From() origin: Origin, @Body() body: ExchangeBody): Promise<ExchangedTokenView> {
    return this.exchanges.exchange(body, origin);
  }
}
