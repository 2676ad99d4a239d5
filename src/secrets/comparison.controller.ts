import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses } from '../access/answer.js';
import { Proof, Requires } from '../access/route-policy.js';
import { DiffQuery, PromoteBody } from './comparison.requests.js';
import { DiffView, PromotedView } from './comparison.view.js';
import { DiffService } from './diff.service.js';
import { PromoteService } from './promote.service.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';

/** Between two environments of a project: what differs, and what is copied. Nobody sees a value on the way. */
@ApiTags('Values of an environment')
@Controller('/:o/:p')
export class ComparisonController {
  constructor(
    private readonly differences: DiffService,
    private readonly promotions: PromoteService,
  ) {}

  @Get('diff')
  @Requires(
    'secrets:read',
    'values.diff',
    'Compare two environments without anybody reading a value. The permission is needed in both.',
    'below',
  )
  @Answers(200, [DiffView], 'Every name that is declared in either, by name.')
  @Refuses({ invalid_request: BAD_REQUEST })
  diff(@Proof() access: Access<'secrets:read'>, @Query() query: DiffQuery): Promise<DiffView[]> {
    return this.differences.compare(access, query);
  }

  @Post('envs/:envName/promote')
  @HttpCode(200)
  @Requires(
    'secrets:set-value',
    'values.promote',
    'Copy values from another environment of the project inside the server. Needs `secrets:read` there, and `secrets:write` here for names that are declared on the way.',
  )
  @Answers(200, PromotedView, 'The names whose values were copied, as one revision.')
  @Refuses({
    invalid_request: BAD_REQUEST,
    no_value: 'Some of the names have no value to copy: details name them.',
    already_exists:
      'A name would be declared whose environment-variable form another one has: details name each.',
    precondition_failed: 'ifRevision is not the environment’s revision.',
  })
  promote(@Proof() access: Access<'secrets:set-value'>, @Body() body: PromoteBody): Promise<PromotedView> {
    return this.promotions.promote(access, body);
  }
}
