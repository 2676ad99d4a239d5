import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses, type Page } from '../access/answer.js';
import { PageQuery } from '../access/paging.js';
import { Proof, Requires } from '../access/route-policy.js';
import { GrantBody } from './grant.requests.js';
import { GrantView } from './grant.view.js';
import { GrantsService } from './grants.service.js';

@ApiTags('Members and grants')
@Controller('/orgs/:o/grants')
export class GrantsController {
  constructor(private readonly grants: GrantsService) {}

  @Get()
  @Requires('members:manage', 'grant.list', 'List the grants that the caller sees, by username.', 'below')
  @Answers(200, [GrantView], 'Who holds which role, and where.')
  @Refuses({ invalid_request: 'A rule is broken: details name each field.' })
  list(@Proof() access: Access<'members:manage'>, @Query() query: PageQuery): Promise<Page<GrantView>> {
    return this.grants.list(access, query);
  }

  @Post()
  @Requires('members:manage', 'grant.give', 'Give a user a role in the scope that the body names.', 'body')
  @Answers(201, GrantView, 'The grant.')
  @Refuses({
    invalid_request: 'A rule is broken, or the user or the role is unknown: details name each field.',
    already_exists: 'The user has this role in this scope.',
  })
  give(@Proof() access: Access<'members:manage'>, @Body() body: GrantBody): Promise<GrantView> {
    return this.grants.give(access, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('members:manage', 'grant.take', 'Take a grant away. It ends with the next request.', 'below')
  @Answers(204, null, 'It is taken away.')
  @Refuses({ last_owner: 'It is the last owner’s: an organisation keeps one.' })
  take(@Proof() access: Access<'members:manage'>, @Param('id') id: string): Promise<void> {
    return this.grants.take(access, id);
  }
}
