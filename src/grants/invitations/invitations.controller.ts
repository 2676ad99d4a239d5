import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../../access/access.js';
import { Answers, Refuses, type Page } from '../../access/answer.js';
import { PageQuery } from '../../access/paging.js';
import { Proof, Requires } from '../../access/route-policy.js';
import { InvitationBody } from './invitation.requests.js';
import { InvitationView, NewInvitationView } from './invitation.view.js';
import { InvitationsService } from './invitations.service.js';

type Manage = Access<'members:manage'>;

@ApiTags('Invitations')
@Controller('/orgs/:o/invitations')
export class InvitationsController {
  constructor(private readonly invitations: InvitationsService) {}

  @Get()
  @Requires(
    'members:manage',
    'invitation.list',
    'List the open invitations that the caller sees, the newest first.',
    'below',
  )
  @Answers(200, [InvitationView], 'What is offered, without what would let anybody accept it.')
  @Refuses({ invalid_request: 'A rule is broken: details name each field.' })
  list(@Proof() access: Manage, @Query() query: PageQuery): Promise<Page<InvitationView>> {
    return this.invitations.list(access, query);
  }

  @Post()
  @Requires(
    'members:manage',
    'invitation.create',
    'Offer a role in the scope that the body names to whoever gets the token.',
    'body',
  )
  @Answers(201, NewInvitationView, 'The invitation, with its token, shown this once.')
  @Refuses({ invalid_request: 'A rule is broken, or the role is unknown: details name each field.' })
  create(@Proof() access: Manage, @Body() body: InvitationBody): Promise<NewInvitationView> {
    return this.invitations.create(access, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('members:manage', 'invitation.revoke', 'Take an open invitation back.', 'below')
  @Answers(204, null, 'Nobody can accept it any more.')
  revoke(@Proof() access: Manage, @Param('id') id: string): Promise<void> {
    return this.invitations.revoke(access, id);
  }
}
