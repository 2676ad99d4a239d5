import { Body, Controller, Delete, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses, type Page } from '../access/answer.js';
import { PageQuery } from '../access/paging.js';
import { Proof, Requires } from '../access/route-policy.js';
import { EnvironmentsService } from './environments.service.js';
import { EnvironmentBody, ForceQuery } from './tenancy.requests.js';
import { EnvironmentView } from './tenancy.views.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';

@ApiTags('Environments')
@Controller('/:o/:p/environments')
export class EnvironmentsController {
  constructor(private readonly environments: EnvironmentsService) {}

  @Get()
  @Requires('visible', 'environment.list', 'List the environments that the caller sees, by name.')
  @Answers(200, [EnvironmentView], 'The environments.')
  @Refuses({ invalid_request: BAD_REQUEST })
  list(@Proof() access: Access<'visible'>, @Query() query: PageQuery): Promise<Page<EnvironmentView>> {
    return this.environments.list(access, query);
  }

  @Post()
  @Requires('environments:write', 'environment.create', 'Create an environment.')
  @Answers(201, EnvironmentView, 'The environment.')
  @Refuses({ invalid_request: BAD_REQUEST, already_exists: 'The name is in use in this project.' })
  create(
    @Proof() access: Access<'environments:write'>,
    @Body() body: EnvironmentBody,
  ): Promise<EnvironmentView> {
    return this.environments.create(access, body);
  }

  @Get(':envName')
  @Requires('visible', 'environment.read', 'Read what is known of an environment.')
  @Answers(200, EnvironmentView, 'The environment.')
  read(@Proof() access: Access<'visible'>): Promise<EnvironmentView> {
    return this.environments.read(access);
  }

  @Delete(':envName')
  @HttpCode(204)
  @Requires(
    'environments:write',
    'environment.delete',
    'Delete an environment with its secrets and its data keys.',
  )
  @Answers(204, null, 'It is gone for good.')
  @Refuses({
    invalid_request: BAD_REQUEST,
    conflict: 'It is `default` or holds secrets, and force is not true.',
  })
  delete(@Proof() access: Access<'environments:write'>, @Query() query: ForceQuery): Promise<void> {
    return this.environments.delete(access, query);
  }
}
