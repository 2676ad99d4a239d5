import { Body, Controller, Get, Headers, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses, type Tagged, type Text } from '../access/answer.js';
import type { Claim } from '../access/claim.js';
import { Claimed, Claims, Proof, Requires } from '../access/route-policy.js';
import { RollbackBody, ValueBody, VersionQuery } from './secret.requests.js';
import { IF_MATCH } from './secrets.controller.js';
import { ValueSetView, ValueView, VersionView } from './value.view.js';
import { ValuesService } from './values.service.js';

const BAD_REQUEST = 'A rule is broken: details name each field.';
const STALE = 'If-Match or ifVersion is not what is there now.';

@ApiTags('Secrets of an environment')
@Controller('/:o/:p/envs/:envName/secrets/:name')
export class ValuesController {
  constructor(private readonly values: ValuesService) {}

  @Put('value')
  @Claims('secrets:set-value', 'secret.value-set', 'Set a secret’s value. It is never echoed.')
  @ApiHeader(IF_MATCH)
  @Answers(200, ValueSetView, 'The new version, without its value.')
  @Refuses({ invalid_request: BAD_REQUEST, precondition_failed: STALE })
  set(
    @Claimed() claim: Claim<'secrets:set-value'>,
    @Param('name') name: string,
    @Body() body: ValueBody,
    @Headers('if-match') ifMatch?: string,
  ): Promise<Tagged<ValueSetView>> {
    return this.values.set(claim, name, body, ifMatch);
  }

  @Get('value')
  @Claims('secrets:get-value', 'secret.value-get', 'Read a secret’s value.')
  @Answers(200, ValueView, 'The value. This read is on record already.')
  @Refuses({ invalid_request: BAD_REQUEST, no_value: 'Declared, but without a value.' })
  get(
    @Claimed() claim: Claim<'secrets:get-value'>,
    @Param('name') name: string,
    @Query() query: VersionQuery,
  ): Promise<Text> {
    return this.values.get(claim, name, query);
  }

  @Get('versions')
  @Requires('secrets:read', 'secret.versions', 'List a secret’s versions, the newest first.')
  @Answers(200, [VersionView], 'The versions that are kept, without their values.')
  versions(@Proof() access: Access<'secrets:read'>, @Param('name') name: string): Promise<VersionView[]> {
    return this.values.versions(access, name);
  }

  @Post('rollback')
  @HttpCode(200)
  @Requires(
    'secrets:set-value',
    'secret.rollback',
    'Make an earlier version’s value the present one, as a new version.',
  )
  @ApiHeader(IF_MATCH)
  @Answers(200, ValueSetView, 'The new version, without its value.')
  @Refuses({ invalid_request: BAD_REQUEST, precondition_failed: STALE })
  rollback(
    @Proof() access: Access<'secrets:set-value'>,
    @Param('name') name: string,
    @Body() body: RollbackBody,
    @Headers('if-match') ifMatch?: string,
  ): Promise<Tagged<ValueSetView>> {
    return this.values.rollback(access, name, body, ifMatch);
  }
}
