import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../../access/access.js';
import { Answers, Refuses, type Page } from '../../access/answer.js';
import type { Origin } from '../../access/caller.js';
import { PageQuery } from '../../access/paging.js';
import { From, Proof, Public, Requires } from '../../access/route-policy.js';
import { LoginService } from './login.service.js';
import { RefreshService } from './refresh.service.js';
import { LoginBody, RefreshBody } from './session.requests.js';
import { OpenSessionView, SessionView } from './session.view.js';
import { Sessions } from './sessions.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';

@ApiTags('Sessions')
@Controller('/auth')
export class SessionsController {
  constructor(
    private readonly logins: LoginService,
    private readonly refreshes: RefreshService,
    private readonly sessions: Sessions,
  ) {}

  @Post('login')
  @HttpCode(200)
  @Public('user.login', 'Log in with username or e-mail address and password.')
  @Answers(200, SessionView, 'A new session.')
  @Refuses({
    invalid_request: BAD_REQUEST,
    unauthorized: 'There is no such account, or the password is wrong: it is not told which.',
    rate_limited: 'After 5 failures within 15 minutes, for 15 minutes.',
  })
  logIn(@From() origin: Origin, @Body() body: LoginBody): Promise<SessionView> {
    return this.logins.logIn(body, origin);
  }

  @Post('refresh')
  @HttpCode(200)
  @Public('session.refresh', 'Go on with a session: a new access token and a new refresh token.')
  @Answers(200, SessionView, 'The session with its new tokens.')
  @Refuses({
    invalid_request: BAD_REQUEST,
    unauthorized: 'The refresh token does not hold. One that was used before has now ended its session.',
  })
  refresh(@From() origin: Origin, @Body() { refreshToken }: RefreshBody): Promise<SessionView> {
    return this.refreshes.refresh(refreshToken, origin);
  }

  @Post('logout')
  @HttpCode(204)
  @Requires('user', 'user.logout', 'End this session. Its access token stops at once.')
  @Answers(204, null, 'It has ended.')
  @Refuses({ invalid_request: 'The credential is a personal token: there is no session to end.' })
  logOut(@Proof() access: Access<'user'>): Promise<void> {
    return this.sessions.logOut(access);
  }

  @Get('sessions')
  @Requires('user', 'session.list', 'List your sessions, the newest first.')
  @Answers(200, [OpenSessionView], 'The sessions that are open.')
  @Refuses({ invalid_request: BAD_REQUEST })
  list(@Proof() access: Access<'user'>, @Query() query: PageQuery): Promise<Page<OpenSessionView>> {
    return this.sessions.list(access, query);
  }

  @Delete('sessions/:id')
  @HttpCode(204)
  @Requires('user', 'session.end', 'End one of your sessions.')
  @Answers(204, null, 'It has ended, and its access token has stopped.')
  end(@Proof() access: Access<'user'>, @Param('id') id: string): Promise<void> {
    return this.sessions.end(access, id);
  }
}
