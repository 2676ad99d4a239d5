import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses } from '../access/answer.js';
import { Proof, Requires } from '../access/route-policy.js';
import { explain } from './explain.js';
import { ScopeFields } from './grant.requests.js';
import { HeldPermissionView } from './grant.view.js';

@ApiTags('Members and grants')
@Controller('/orgs/:o/permissions')
export class PermissionsController {
  @Get()
  @Requires('visible', 'permission.list', 'What the caller may do in a scope, and by which grants.', 'query')
  @Answers(200, [HeldPermissionView], 'What is held exactly there, or above it.')
  @Refuses({ invalid_request: 'A rule is broken: details name each field.' })
  list(@Proof() access: Access<'visible'>, @Query() _scope: ScopeFields): HeldPermissionView[] {
    return explain(access.rights, access.ids);
  }
}
