import { Controller, Get, Headers, Query } from '@nestjs/common';
import { ApiExtraModels, ApiHeader, ApiResponse, ApiTags, getSchemaPath } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses, type NotModified, type Text } from '../access/answer.js';
import type { Claim } from '../access/claim.js';
import { Claimed, Claims, Proof, Requires } from '../access/route-policy.js';
import { EnvironmentValuesService } from './environment-values.service.js';
import { ValuesQuery } from './secret.requests.js';
import { EnvironmentValuesView, ReadinessView } from './value.view.js';

/** `format=json`: names and values, and nothing around them. */
const FLAT = { type: 'object', additionalProperties: { type: 'string' } };

@ApiTags('Values of an environment')
@Controller('/:o/:p/envs/:envName')
export class EnvironmentValuesController {
  constructor(private readonly values: EnvironmentValuesService) {}

  @Get('values')
  @Claims('secrets:get-value', 'values.get', 'Read all values of an environment, in one consistent state.')
  @ApiHeader({
    name: 'If-None-Match',
    required: false,
    description: 'The ETag of the values that the caller has.',
  })
  @ApiExtraModels(EnvironmentValuesView)
  @ApiResponse({
    status: 200,
    description: 'The values, or with `format` a file of them. This read is on record already.',
    content: {
      'application/json': { schema: { oneOf: [{ $ref: getSchemaPath(EnvironmentValuesView) }, FLAT] } },
      'application/yaml': { schema: { type: 'string' } },
      'text/plain': { schema: { type: 'string' } },
    },
  })
  @ApiResponse({ status: 304, description: 'The caller has the present values.' })
  @Refuses({
    invalid_request: 'A rule is broken: details name each field.',
    values_missing: 'Some declared secrets have no value: details name them.',
    unrepresentable: 'The format cannot carry some values as they are: details name them.',
  })
  get(
    @Claimed() claim: Claim<'secrets:get-value'>,
    @Query() query: ValuesQuery,
    @Headers('if-none-match') ifNoneMatch?: string,
  ): Promise<Text | NotModified> {
    return this.values.read(claim, query, ifNoneMatch);
  }

  @Get('readiness')
  @Requires('secrets:read', 'values.readiness', 'Whether every declared secret has a value.')
  @Answers(200, ReadinessView, 'What is declared and what is missing.')
  readiness(@Proof() access: Access<'secrets:read'>): Promise<ReadinessView> {
    return this.values.readiness(access);
  }
}
