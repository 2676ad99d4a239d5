import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../../access/access.js';
import { Answers, Refuses, type Page } from '../../access/answer.js';
import { PageQuery } from '../../access/paging.js';
import { Proof, Requires } from '../../access/route-policy.js';
import { RoleBody, RolePermissionsBody } from './role.requests.js';
import { RoleView } from './role.view.js';
import { RolesService } from './roles.service.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';

type Manage = Access<'org:manage'>;

@ApiTags('Roles')
@Controller('/orgs/:o/roles')
export class RolesController {
  constructor(private readonly roles: RolesService) {}

  @Get()
  @Requires('visible', 'role.list', 'List the organisation’s own roles, by name.')
  @Answers(200, [RoleView], 'The roles, without the built-in ones.')
  @Refuses({ invalid_request: BAD_REQUEST })
  list(@Proof() access: Access<'visible'>, @Query() query: PageQuery): Promise<Page<RoleView>> {
    return this.roles.list(access, query);
  }

  @Post()
  @Requires('org:manage', 'role.create', 'Make a role out of permissions that you hold.')
  @Answers(201, RoleView, 'The role.')
  @Refuses({ invalid_request: BAD_REQUEST, already_exists: 'The name is in use in this organisation.' })
  create(@Proof() access: Manage, @Body() body: RoleBody): Promise<RoleView> {
    return this.roles.create(access, body);
  }

  @Get(':role')
  @Requires('visible', 'role.read', 'Read what a role of the organisation’s own holds.')
  @Answers(200, RoleView, 'The role.')
  read(@Proof() access: Access<'visible'>, @Param('role') name: string): Promise<RoleView> {
    return this.roles.read(access, name);
  }

  @Put(':role')
  @Requires(
    'org:manage',
    'role.update',
    'Replace the permissions of a role. For all who have it they change with the next request.',
  )
  @Answers(200, RoleView, 'The role as it is now.')
  @Refuses({ invalid_request: BAD_REQUEST })
  update(
    @Proof() access: Manage,
    @Param('role') name: string,
    @Body() body: RolePermissionsBody,
  ): Promise<RoleView> {
    return this.roles.update(access, name, body);
  }

  @Delete(':role')
  @HttpCode(204)
  @Requires('org:manage', 'role.delete', 'Delete a role that nobody has.')
  @Answers(204, null, 'It is gone.')
  @Refuses({ conflict: 'A grant, a token, a trust or an open invitation has it.' })
  delete(@Proof() access: Manage, @Param('role') name: string): Promise<void> {
    return this.roles.delete(access, name);
  }
}
