import { Module } from '@nestjs/common';
import { EnvironmentsController } from './environments.controller.js';
import { EnvironmentsService } from './environments.service.js';
import { OrganisationsController } from './organisations.controller.js';
import { OrganisationsService } from './organisations.service.js';
import { ProjectsController } from './projects.controller.js';
import { ProjectsService } from './projects.service.js';
import { ScopeResolver } from './scope-resolver.js';

/** Organisations, their projects and environments: made, listed, deleted with their data keys, and found by name. */
@Module({
  controllers: [OrganisationsController, ProjectsController, EnvironmentsController],
  providers: [OrganisationsService, ProjectsService, EnvironmentsService, ScopeResolver],
  exports: [ScopeResolver],
})
export class TenancyModule {}
