import { Body, Controller, Delete, Get, HttpCode, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses, type Page } from '../access/answer.js';
import { PageQuery } from '../access/paging.js';
import { Proof, Requires } from '../access/route-policy.js';
import { ProjectsService } from './projects.service.js';
import { ForceQuery, ProjectBody, RenameBody } from './tenancy.requests.js';
import { ProjectView } from './tenancy.views.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';

@ApiTags('Projects')
@Controller('/orgs/:o/projects')
export class ProjectsController {
  constructor(private readonly projects: ProjectsService) {}

  @Get()
  @Requires('visible', 'project.list', 'List the projects that the caller sees, by slug.')
  @Answers(200, [ProjectView], 'The projects.')
  @Refuses({ invalid_request: BAD_REQUEST })
  list(@Proof() access: Access<'visible'>, @Query() query: PageQuery): Promise<Page<ProjectView>> {
    return this.projects.list(access, query);
  }

  @Post()
  @Requires('projects:write', 'project.create', 'Create a project, with an environment `default`.')
  @Answers(201, ProjectView, 'The project.')
  @Refuses({ invalid_request: BAD_REQUEST, already_exists: 'The slug is in use in this organisation.' })
  create(@Proof() access: Access<'projects:write'>, @Body() body: ProjectBody): Promise<ProjectView> {
    return this.projects.create(access, body);
  }

  @Get(':p')
  @Requires('visible', 'project.read', 'Read what is known of a project.')
  @Answers(200, ProjectView, 'The project.')
  read(@Proof() access: Access<'visible'>): Promise<ProjectView> {
    return this.projects.read(access);
  }

  @Put(':p')
  @Requires('projects:write', 'project.update', 'Rename a project. Its slug stays.')
  @Answers(200, ProjectView, 'The project as it is now.')
  @Refuses({ invalid_request: BAD_REQUEST })
  update(@Proof() access: Access<'projects:write'>, @Body() body: RenameBody): Promise<ProjectView> {
    return this.projects.update(access, body);
  }

  @Delete(':p')
  @HttpCode(204)
  @Requires('projects:write', 'project.delete', 'Delete a project with its data keys.')
  @Answers(204, null, 'It is gone for good.')
  @Refuses({
    invalid_request: BAD_REQUEST,
    conflict: 'It has more than an empty environment `default`, and force is not true.',
  })
  delete(@Proof() access: Access<'projects:write'>, @Query() query: ForceQuery): Promise<void> {
    return this.projects.delete(access, query);
  }
}
