import { Module } from '@nestjs/common';
import { ScopeResolver } from './scope-resolver.js';

/** Organisations, their projects and environments: made, listed, deleted with their data keys, and found by name. */
@Module({
  providers: [ScopeResolver],
  exports: [ScopeResolver],
})
export class TenancyModule {}
