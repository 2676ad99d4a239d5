import { Body, Controller, Get, HttpCode, Post, Put } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, ApiTags, getSchemaPath } from '@nestjs/swagger';
import type { Access } from '../../access/access.js';
import { Answers, Refuses } from '../../access/answer.js';
import type { Origin } from '../../access/caller.js';
import { From, Proof, Public, Requires } from '../../access/route-policy.js';
import { SessionView } from '../sessions/session.view.js';
import { MeService } from './me.service.js';
import { PasswordChangeService } from './password-change.service.js';
import { SignUpService } from './sign-up.service.js';
import { PasswordBody, SignUpBody } from './user.requests.js';
import { ServiceIdentityView, UserView } from './user.view.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';

@ApiTags('Users')
@Controller('/auth')
export class UsersController {
  constructor(
    private readonly signUps: SignUpService,
    private readonly passwords: PasswordChangeService,
    private readonly me: MeService,
  ) {}

  @Post('signup')
  @Public('user.signup', 'Make an account, and a first session of it.')
  @Answers(201, SessionView, 'The new account’s first session.')
  @Refuses({
    invalid_request: BAD_REQUEST,
    forbidden: 'This server takes no new accounts, or by invitation only.',
    already_exists: 'The username or the e-mail address belongs to an account: it is not told which.',
  })
  signUp(@From() origin: Origin, @Body() body: SignUpBody): Promise<SessionView> {
    return this.signUps.signUp(body, origin);
  }

  @Get('me')
  @Requires('caller', 'user.me', 'Who the credential belongs to.')
  @ApiExtraModels(UserView, ServiceIdentityView)
  @ApiResponse({
    status: 200,
    description: 'The user; for a service token, itself.',
    schema: { oneOf: [{ $ref: getSchemaPath(UserView) }, { $ref: getSchemaPath(ServiceIdentityView) }] },
  })
  read(@Proof() access: Access<'caller'>): Promise<UserView | ServiceIdentityView> {
    return this.me.read(access);
  }

  @Put('password')
  @HttpCode(204)
  @Requires('user', 'user.password-change', 'Change your password. Your other sessions end.')
  @Answers(204, null, 'It is changed.')
  @Refuses({
    invalid_request: `${BAD_REQUEST} A wrong present password is one of them.`,
    rate_limited: 'After 5 failures within 15 minutes, for 15 minutes.',
  })
  changePassword(@Proof() access: Access<'user'>, @Body() body: PasswordBody): Promise<void> {
    return this.passwords.change(access, body);
  }
}
