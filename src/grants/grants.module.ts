import { Module } from '@nestjs/common';
import { GrantsController } from './grants.controller.js';
import { GrantsService } from './grants.service.js';
import { MembersController } from './members.controller.js';
import { MembersService } from './members.service.js';
import { PermissionsController } from './permissions.controller.js';

/** Who was given what: grants and members, and what they come to. Nobody gives or takes more than they hold. */
@Module({
  controllers: [GrantsController, MembersController, PermissionsController],
  providers: [GrantsService, MembersService],
})
export class GrantsModule {}
