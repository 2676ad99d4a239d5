import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../../access/access.js';
import { Answers, Refuses } from '../../access/answer.js';
import { Proof, Requires } from '../../access/route-policy.js';
import { Acceptance } from './acceptance.js';
import { AcceptanceBody } from './invitation.requests.js';
import { AcceptedView } from './invitation.view.js';

@ApiTags('Invitations')
@Controller('/auth/invitations')
export class AcceptanceController {
  constructor(private readonly acceptance: Acceptance) {}

  @Post('accept')
  @HttpCode(200)
  @Requires(
    'user',
    'invitation.accept',
    'Accept an invitation. One that was used, was revoked, has expired, is for another address, or is no longer its maker’s to give is not there.',
  )
  @Answers(200, AcceptedView, 'What you have from now on.')
  @Refuses({
    invalid_request: 'A rule is broken: details name each field.',
    already_exists: 'You have this role in this scope. The invitation stays open.',
  })
  accept(@Proof() access: Access<'user'>, @Body() { token }: AcceptanceBody): Promise<AcceptedView> {
    return this.acceptance.accept(access, token);
  }
}
