import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses, type Page } from '../access/answer.js';
import { PageQuery } from '../access/paging.js';
import { Proof, Requires } from '../access/route-policy.js';
import { OrganisationsService } from './organisations.service.js';
import { OrgBody, RenameBody } from './tenancy.requests.js';
import { OrgView } from './tenancy.views.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';

@ApiTags('Organisations')
@Controller('/orgs')
export class OrganisationsController {
  constructor(private readonly organisations: OrganisationsService) {}

  @Get()
  @Requires('user', 'org.list', 'List the organisations in which the caller has a grant, by slug.')
  @Answers(200, [OrgView], 'The organisations.')
  @Refuses({ invalid_request: BAD_REQUEST })
  list(@Proof() access: Access<'user'>, @Query() query: PageQuery): Promise<Page<OrgView>> {
    return this.organisations.list(access, query);
  }

  @Post()
  @Requires('user', 'org.create', 'Create an organisation. The caller becomes its owner.')
  @Answers(201, OrgView, 'The organisation.')
  @Refuses({ invalid_request: BAD_REQUEST, already_exists: 'The slug is in use.' })
  create(@Proof() access: Access<'user'>, @Body() body: OrgBody): Promise<OrgView> {
    return this.organisations.create(access, body);
  }

  @Get(':o')
  @Requires('visible', 'org.read', 'Read what is known of an organisation.')
  @Answers(200, OrgView, 'The organisation.')
  read(@Proof() access: Access<'visible'>): Promise<OrgView> {
    return this.organisations.read(access);
  }

  @Patch(':o')
  @Requires('org:manage', 'org.update', 'Rename an organisation. Its slug stays.')
  @Answers(200, OrgView, 'The organisation as it is now.')
  @Refuses({ invalid_request: BAD_REQUEST })
  update(@Proof() access: Access<'org:manage'>, @Body() body: RenameBody): Promise<OrgView> {
    return this.organisations.update(access, body);
  }

  @Delete(':o')
  @HttpCode(204)
  @Requires(
    'org:manage',
    'org.delete',
    'Delete an organisation with everything in it, its data keys included.',
  )
  @Answers(204, null, 'It is gone for good.')
  delete(@Proof() access: Access<'org:manage'>): Promise<void> {
    return this.organisations.delete(access);
  }
}
