import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers, Refuses, type Page, type Tagged, type Text } from '../access/answer.js';
import type { Claim } from '../access/claim.js';
import { Claimed, Claims, Proof, Requires } from '../access/route-policy.js';
import { ListSecretsQuery, SecretBody } from './secret.requests.js';
import { DeletedView, SecretView } from './secret.view.js';
import { SecretsService } from './secrets.service.js';

export const IF_MATCH = {
  name: 'If-Match',
  required: false,
  description: 'The ETag that the secret must still have.',
};

const BAD_REQUEST = 'A rule is broken: details name each field.';
const STALE = 'If-Match is not its present ETag.';

@ApiTags('Secrets of an environment')
@Controller('/:o/:p/envs/:envName/secrets')
export class SecretsController {
  constructor(private readonly secrets: SecretsService) {}

  @Get()
  @Claims('secrets:read', 'secret.list', 'List the secrets of an environment, by name.')
  @Answers(200, [SecretView], 'The secrets: whether each has a value, never which.')
  @Refuses({ invalid_request: BAD_REQUEST })
  list(
    @Claimed() claim: Claim<'secrets:read'>,
    @Query() query: ListSecretsQuery,
  ): Promise<Page<SecretView> | Text> {
    return this.secrets.list(claim, query);
  }

  @Post()
  @Requires('secrets:write', 'secret.declare', 'Declare a secret: its name, not its value.')
  @Answers(201, SecretView, 'The declared secret, without a value.')
  @Refuses({
    invalid_request: BAD_REQUEST,
    already_exists: 'The name, or its environment-variable form, is in use.',
  })
  declare(@Proof() access: Access<'secrets:write'>, @Body() body: SecretBody): Promise<Tagged<SecretView>> {
    return this.secrets.declare(access, body);
  }

  @Get(':name')
  @Requires('secrets:read', 'secret.read', 'Read what is known of a secret.')
  @Answers(200, SecretView, 'The secret.')
  read(@Proof() access: Access<'secrets:read'>, @Param('name') name: string): Promise<Tagged<SecretView>> {
    return this.secrets.read(access, name);
  }

  @Put(':name')
  @Requires('secrets:write', 'secret.describe', 'Replace a secret’s description.')
  @ApiHeader(IF_MATCH)
  @Answers(200, SecretView, 'The secret as it is now.')
  @Refuses({ invalid_request: BAD_REQUEST, precondition_failed: STALE })
  describe(
    @Proof() access: Access<'secrets:write'>,
    @Param('name') name: string,
    @Body() body: SecretBody,
    @Headers('if-match') ifMatch?: string,
  ): Promise<Tagged<SecretView>> {
    return this.secrets.describe(access, name, body, ifMatch);
  }

  @Delete(':name')
  @Requires('secrets:write', 'secret.delete', 'Delete a secret. For a while it can be restored.')
  @ApiHeader(IF_MATCH)
  @Answers(200, DeletedView, 'It is deleted.')
  @Refuses({ precondition_failed: STALE })
  delete(
    @Proof() access: Access<'secrets:write'>,
    @Param('name') name: string,
    @Headers('if-match') ifMatch?: string,
  ): Promise<DeletedView> {
    return this.secrets.delete(access, name, ifMatch);
  }

  @Post(':name/restore')
  @HttpCode(200)
  @Requires('secrets:write', 'secret.restore', 'Restore the secret of this name that was deleted last.')
  @ApiHeader(IF_MATCH)
  @Answers(200, SecretView, 'The secret, with its versions.')
  @Refuses({ already_exists: 'The name is in use again.', precondition_failed: STALE })
  restore(
    @Proof() access: Access<'secrets:write'>,
    @Param('name') name: string,
    @Headers('if-match') ifMatch?: string,
  ): Promise<Tagged<SecretView>> {
    return this.secrets.restore(access, name, ifMatch);
  }
}
