import type { Readable } from 'node:stream';
import { Controller, Get, Header, Headers } from '@nestjs/common';
import { ApiHeader, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Refuses } from '../access/answer.js';
import { Proof, Requires } from '../access/route-policy.js';
import { StandingOf, type Standing } from '../access/standing.js';
import { EventsService } from './events.service.js';

@ApiTags('Values of an environment')
@Controller('/:o/:p/envs/:envName')
export class EventsController {
  constructor(private readonly events: EventsService) {}

  @Get('events')
  @Requires(
    'secrets:read',
    'values.events',
    'Be told of changes as they happen: which secrets, never what they hold.',
  )
  @Header('content-type', 'text/event-stream')
  @Header('connection', 'close')
  @Header('x-accel-buffering', 'no')
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'A revision that the caller knows: what was changed after it is told first.',
  })
  @ApiProduces('text/event-stream')
  @ApiResponse({
    status: 200,
    description:
      'Server-sent events: `event: revision`, `id` the revision, `data` as in {"revision": 43, "changed": ["API_KEY"]}. They end when the right ends.',
    schema: { type: 'string' },
  })
  @Refuses({ invalid_request: 'Last-Event-ID is no revision.' })
  open(
    @Proof() access: Access<'secrets:read'>,
    @StandingOf() standing: Standing,
    @Headers('last-event-id') lastEventId?: string,
  ): Promise<Readable> {
    return this.events.open(access, standing, lastEventId);
  }
}
