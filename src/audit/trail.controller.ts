import { Readable } from 'node:stream';
import { Controller, Get, Query, StreamableFile } from '@nestjs/common';
import { ApiExtraModels, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses, type Page } from '../access/answer.js';
import { Proof, Requires } from '../access/route-policy.js';
import { EventView, HeadView, ResourceView } from './audit-event.view.js';
import { ExportQuery, TrailQuery } from './trail.requests.js';
import { Trail } from './trail.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';

@ApiTags('Audit')
@ApiExtraModels(ResourceView)
@Controller()
export class TrailController {
  constructor(private readonly trail: Trail) {}

  @Get('orgs/:o/audit')
  @Requires('audit:read', 'audit.list', 'List the events of an organisation, the newest first.', 'query')
  @Answers(200, [EventView], 'The events.')
  @Refuses({ invalid_request: BAD_REQUEST })
  list(@Proof() access: Access<'audit:read'>, @Query() query: TrailQuery): Promise<Page<EventView>> {
    return this.trail.list(access, query);
  }

  @Get('orgs/:o/audit/export')
  @Requires('audit:read', 'audit.export', 'Export the chain as lines of JSON, the oldest event first.')
  @ApiProduces('application/x-ndjson')
  @ApiResponse({ status: 200, description: 'One event a line.', schema: { type: 'string' } })
  @Refuses({ invalid_request: BAD_REQUEST })
  async export(@Proof() access: Access<'audit:read'>, @Query() query: ExportQuery): Promise<StreamableFile> {
    return new StreamableFile(Readable.from(await this.trail.export(access, query)), {
      type: 'application/x-ndjson',
    });
  }

  @Get('orgs/:o/audit/head')
  @Requires('audit:read', 'audit.head', 'Read the signed last link of the chain.')
  @Answers(200, HeadView, 'With it an export can be proven complete.')
  head(@Proof() access: Access<'audit:read'>): Promise<HeadView> {
    return this.trail.head(access);
  }

  @Get('auth/audit')
  @Requires('user', 'user.audit', 'List the caller’s own events, the newest first.')
  @Answers(200, [EventView], 'Logins, tokens, personal secrets.')
  @Refuses({ invalid_request: BAD_REQUEST })
  listOwn(@Proof() access: Access<'user'>, @Query() query: TrailQuery): Promise<Page<EventView>> {
    return this.trail.listOwn(access, query);
  }
}
