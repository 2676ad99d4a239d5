import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { IdentityModule } from '../identity/identity.module.js';
import { SecretsModule } from '../secrets/secrets.module.js';
import { TenancyModule } from '../tenancy/tenancy.module.js';
import { AuthenticateGuard } from './authenticate.guard.js';
import { AuthorizeGuard } from './authorize.guard.js';
import { ClaimMemory } from './claim-memory.js';
import { ErrorFilter } from './error.filter.js';
import { KnownInputGuard } from './known-input.guard.js';
import { Metrics } from './metrics.js';
import { OpenApi, OpenApiController } from './openapi.js';
import { RateLimit } from './rate-limit.js';
import { RouteCheck } from './route-check.js';
import { ValidationPipe } from './validation.pipe.js';

/** What happens to every request: who asks, may they, is the input well-formed, what does an error look like. */
@Module({
  imports: [IdentityModule, SecretsModule, TenancyModule],
  controllers: [OpenApiController],
  providers: [
    RouteCheck,
    OpenApi,
    RateLimit,
    Metrics,
    ClaimMemory,
    AuthenticateGuard,
    { provide: APP_GUARD, useExisting: AuthenticateGuard },
    { provide: APP_GUARD, useClass: AuthorizeGuard },
    { provide: APP_GUARD, useClass: KnownInputGuard },
    { provide: APP_PIPE, useClass: ValidationPipe },
    { provide: APP_FILTER, useClass: ErrorFilter },
  ],
})
export class HttpModule {}
