import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses, type Page } from '../access/answer.js';
import { PageQuery } from '../access/paging.js';
import { Proof, Requires } from '../access/route-policy.js';
import { MemberView } from './grant.view.js';
import { MembersService } from './members.service.js';

@ApiTags('Members and grants')
@Controller('/orgs/:o/members')
export class MembersController {
  constructor(private readonly members: MembersService) {}

  @Get()
  @Requires(
    'visible',
    'member.list',
    'List the members, by username, with those of their grants that the caller sees.',
  )
  @Answers(200, [MemberView], 'The members.')
  @Refuses({ invalid_request: 'A rule is broken: details name each field.' })
  list(@Proof() access: Access<'visible'>, @Query() query: PageQuery): Promise<Page<MemberView>> {
    return this.members.list(access, query);
  }

  @Delete(':username')
  @HttpCode(204)
  @Requires('members:manage', 'member.remove', 'Take all of a user’s grants in this organisation.', 'below')
  @Answers(204, null, 'The user is no member any more.')
  @Refuses({ last_owner: 'It is the last owner: an organisation keeps one.' })
  remove(@Proof() access: Access<'members:manage'>, @Param('username') username: string): Promise<void> {
    return this.members.remove(access, username);
  }
}
