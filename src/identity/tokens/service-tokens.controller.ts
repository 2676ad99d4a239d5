import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../../access/access.js';
import { Answers, Refuses, type Page } from '../../access/answer.js';
import { PageQuery } from '../../access/paging.js';
import { Proof, Requires } from '../../access/route-policy.js';
import { ServiceTokenBody } from './service-token.requests.js';
import { NewServiceTokenView, ServiceTokenView } from './service-token.view.js';
import { ServiceTokensService } from './service-tokens.service.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';

type Manage = Access<'tokens:manage'>;

@ApiTags('Service tokens')
@Controller('/:o/:p/tokens')
export class ServiceTokensController {
  constructor(private readonly tokens: ServiceTokensService) {}

  @Get()
  @Requires(
    'tokens:manage',
    'service-token.list',
    'List the service tokens that you may manage, the newest first.',
    'below',
  )
  @Answers(200, [ServiceTokenView], 'The tokens, without what would let anybody use them.')
  @Refuses({ invalid_request: BAD_REQUEST })
  list(@Proof() access: Manage, @Query() query: PageQuery): Promise<Page<ServiceTokenView>> {
    return this.tokens.list(access, query);
  }

  @Post()
  @Requires(
    'tokens:manage',
    'service-token.create',
    'Make a service token of the project, or of one environment.',
    'body',
  )
  @Answers(201, NewServiceTokenView, 'The token, shown this once.')
  @Refuses({ invalid_request: BAD_REQUEST })
  create(@Proof() access: Manage, @Body() body: ServiceTokenBody): Promise<NewServiceTokenView> {
    return this.tokens.create(access, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('tokens:manage', 'service-token.delete', 'Revoke a service token.', 'below')
  @Answers(204, null, 'It is revoked.')
  delete(@Proof() access: Manage, @Param('id') id: string): Promise<void> {
    return this.tokens.delete(access, id);
  }
}
