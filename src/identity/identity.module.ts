import { Module } from '@nestjs/common';
import { GrantsModule } from '../grants/grants.module.js';
import { ExchangeController } from './federation/exchange.controller.js';
import { ExchangeService } from './federation/exchange.service.js';
import { IssuerKeys } from './federation/issuer-keys.js';
import { SubjectTokens } from './federation/subject-token.js';
import { TrustsController } from './federation/trusts.controller.js';
import { TrustsService } from './federation/trusts.service.js';
import { AccessTokens } from './sessions/access-tokens.js';
import { LoginService } from './sessions/login.service.js';
import { RefreshService } from './sessions/refresh.service.js';
import { SessionStrategy } from './sessions/session.strategy.js';
import { SessionsController } from './sessions/sessions.controller.js';
import { Sessions } from './sessions/sessions.js';
import { OpaqueTokens } from './tokens/opaque-tokens.js';
import { PersonalTokensController } from './tokens/personal-tokens.controller.js';
import { PersonalTokensService } from './tokens/personal-tokens.service.js';
import { ServiceTokensController } from './tokens/service-tokens.controller.js';
import { ServiceTokensService } from './tokens/service-tokens.service.js';
import { Accounts } from './users/accounts.js';
import { MeService } from './users/me.service.js';
import { PasswordChangeService } from './users/password-change.service.js';
import { Passwords } from './users/passwords.js';
import { SignUpService } from './users/sign-up.service.js';
import { UsersController } from './users/users.controller.js';

/**
 * Who asks: people with their passwords and sessions, the tokens that people and machines carry, and whose tokens of other issuers are
 * trusted. Exports what the guards need to make a `Caller` out of a credential. Only hashes of credentials are kept, and whatever is revoked
 * stops at the next request on every node.
 */
@Module({
  imports: [GrantsModule],
  controllers: [
    UsersController,
    SessionsController,
    PersonalTokensController,
    ServiceTokensController,
    TrustsController,
    ExchangeController,
  ],
  providers: [
    Accounts,
    Passwords,
    SignUpService,
    MeService,
    PasswordChangeService,
    AccessTokens,
    Sessions,
    SessionStrategy,
    LoginService,
    RefreshService,
    OpaqueTokens,
    PersonalTokensService,
    ServiceTokensService,
    TrustsService,
    ExchangeService,
    SubjectTokens,
    IssuerKeys,
  ],
  exports: [OpaqueTokens, SessionStrategy],
})
export class IdentityModule {}
