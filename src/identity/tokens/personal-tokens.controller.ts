import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../../access/access.js';
import { Answers, Refuses, type Page } from '../../access/answer.js';
import { PageQuery } from '../../access/paging.js';
import { Proof, Requires } from '../../access/route-policy.js';
import { NewPersonalTokenView, PersonalTokenView } from './personal-token.view.js';
import { PersonalTokensService } from './personal-tokens.service.js';
import { TokenFields } from './token-fields.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';

@ApiTags('Personal access tokens')
@Controller('/auth/tokens')
export class PersonalTokensController {
  constructor(private readonly tokens: PersonalTokensService) {}

  @Get()
  @Requires('user', 'personal-token.list', 'List your personal access tokens, the newest first.')
  @Answers(200, [PersonalTokenView], 'The tokens, without what would let anybody use them.')
  @Refuses({ invalid_request: BAD_REQUEST })
  list(@Proof() access: Access<'user'>, @Query() query: PageQuery): Promise<Page<PersonalTokenView>> {
    return this.tokens.list(access, query);
  }

  @Post()
  @Requires('user', 'personal-token.create', 'Make a personal access token: it acts as you until it ends.')
  @Answers(201, NewPersonalTokenView, 'The token, shown this once.')
  @Refuses({ invalid_request: BAD_REQUEST })
  create(@Proof() access: Access<'user'>, @Body() body: TokenFields): Promise<NewPersonalTokenView> {
    return this.tokens.create(access, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('user', 'personal-token.delete', 'Revoke one of your personal access tokens.')
  @Answers(204, null, 'It is revoked.')
  delete(@Proof() access: Access<'user'>, @Param('id') id: string): Promise<void> {
    return this.tokens.delete(access, id);
  }
}
