import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses } from '../access/answer.js';
import { Proof, Requires } from '../access/route-policy.js';
import { ChangesBody } from './change.requests.js';
import { ChangesView } from './change.view.js';
import { ChangesService } from './changes.service.js';

@ApiTags('Values of an environment')
@Controller('/:o/:p/envs/:envName')
export class ChangesController {
  constructor(private readonly changes: ChangesService) {}

  @Post('changes')
  @HttpCode(200)
  @Requires(
    'visible',
    'values.changes',
    'Change many secrets at once, in order: all or nothing. Each change needs its own permission.',
  )
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'For a day the same request under the same key is answered as the first time, and not done again.',
  })
  @ApiBody({ type: ChangesBody })
  @Answers(200, ChangesView, 'All of them are made, as one revision.')
  @Refuses({
    invalid_request: 'A rule is broken: details name each change by its index. Nothing was changed.',
    already_exists:
      'A name that is to be declared is declared already: details name each. Nothing was changed.',
    conflict: 'A name is not declared (details name each), or the key was used for another request.',
    precondition_failed: 'ifRevision is not the environment’s revision.',
    too_large: 'The body has more than 8 MiB.',
  })
  apply(
    @Proof() access: Access<'visible'>,
    @Body() body: unknown,
    @Headers('idempotency-key') key?: string,
  ): Promise<ChangesView> {
    return this.changes.apply(access, body, key);
  }
}
