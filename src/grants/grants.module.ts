import { Module } from '@nestjs/common';
import { GrantsController } from './grants.controller.js';
import { GrantsService } from './grants.service.js';
import { AcceptanceController } from './invitations/acceptance.controller.js';
import { Acceptance } from './invitations/acceptance.js';
import { InvitationsController } from './invitations/invitations.controller.js';
import { InvitationsService } from './invitations/invitations.service.js';
import { MembersController } from './members.controller.js';
import { MembersService } from './members.service.js';
import { PermissionsController } from './permissions.controller.js';
import { RolesController } from './roles/roles.controller.js';
import { RolesService } from './roles/roles.service.js';

/**
 * Who was given what: grants, members, invitations and the organisation's own roles, and what they come to. Nobody gives, changes or takes
 * more than they hold. Exports what identity needs to let somebody in who was invited.
 */
@Module({
  controllers: [
    GrantsController,
    MembersController,
    InvitationsController,
    AcceptanceController,
    RolesController,
    PermissionsController,
  ],
  providers: [GrantsService, MembersService, InvitationsService, Acceptance, RolesService],
  exports: [Acceptance],
})
export class GrantsModule {}
