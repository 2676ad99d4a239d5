import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../../access/access.js';
import { Answers, Refuses, type Page } from '../../access/answer.js';
import { PageQuery } from '../../access/paging.js';
import { Proof, Requires } from '../../access/route-policy.js';
import { SimulationBody, TrustBody } from './trust.requests.js';
import { SimulationView, TrustView } from './trust.view.js';
import { TrustsService } from './trusts.service.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';

type Manage = Access<'tokens:manage'>;

@ApiTags('Trusts')
@Controller('/:o/:p/trusts')
export class TrustsController {
  constructor(private readonly trusts: TrustsService) {}

  @Get()
  @Requires('tokens:manage', 'trust.list', 'List the trusts that you may manage, the newest first.', 'below')
  @Answers(200, [TrustView], 'The trusts.')
  @Refuses({ invalid_request: BAD_REQUEST })
  list(@Proof() access: Manage, @Query() query: PageQuery): Promise<Page<TrustView>> {
    return this.trusts.list(access, query);
  }

  @Post()
  @Requires(
    'tokens:manage',
    'trust.create',
    'Trust tokens of another issuer in the project, or in one environment.',
    'body',
  )
  @Answers(201, TrustView, 'The trust.')
  @Refuses({ invalid_request: BAD_REQUEST, already_exists: 'The project has a trust of this name.' })
  create(@Proof() access: Manage, @Body() body: TrustBody): Promise<TrustView> {
    return this.trusts.create(access, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires(
    'tokens:manage',
    'trust.delete',
    'Delete a trust. Tokens that were given by it end at once.',
    'below',
  )
  @Answers(204, null, 'It is deleted.')
  delete(@Proof() access: Manage, @Param('id') id: string): Promise<void> {
    return this.trusts.delete(access, id);
  }

  @Post(':id/simulate')
  @HttpCode(200)
  @Requires(
    'tokens:manage',
    'trust.simulate',
    'Ask why a token would be refused, or whether it would not.',
    'below',
  )
  @Answers(200, SimulationView, 'What does not match.')
  @Refuses({ invalid_request: BAD_REQUEST })
  simulate(
    @Proof() access: Manage,
    @Param('id') id: string,
    @Body() body: SimulationBody,
  ): Promise<SimulationView> {
    return this.trusts.simulate(access, id, body);
  }
}
