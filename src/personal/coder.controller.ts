import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post } from '@nestjs/common';
import { ApiBody, ApiParam, ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers } from '../access/answer.js';
import { IgnoresUnknown, Proof } from '../access/route-policy.js';
import { CoderRefuses, CoderUserOnly } from './openapi.js';
import { changeOf, CreateCoderSecretBody, newSecret, own, UpdateCoderSecretBody } from './coder.requests.js';
import { CoderSecretView } from './coder.views.js';
import { PersonalSecretsService } from './personal-secrets.service.js';

const USER = { name: 'user', description: '`me`, or the caller’s own username or id.' };
const NAME = { name: 'name', description: 'The secret’s name, percent-encoded.' };
const TAKEN = 'The name, the variable or the path is in use by another secret of yours.';
const BROKEN = 'The body is not valid JSON, or fields break their rules, or {user} is not the caller.';

/** Door 1, the generation whose paths name the user. */
@ApiTags('Personal secrets: door 1')
@ApiParam(USER)
@IgnoresUnknown()
@Controller('api/v2/users/:user/secrets')
export class CoderController {
  constructor(private readonly secrets: PersonalSecretsService) {}

  @Get()
  @CoderUserOnly('personal-secret.list', 'List the caller’s secrets, by name.')
  @Answers(200, [CoderSecretView], 'The secrets, without their values.')
  @CoderRefuses({ invalid_request: '{user} is not the caller.' })
  async list(@Proof() access: Access<'user'>, @Param('user') user: string): Promise<CoderSecretView[]> {
    return (await this.secrets.list(own(access, user))).map(CoderSecretView.of);
  }

  @Post()
  @ApiBody({ type: CreateCoderSecretBody })
  @CoderUserOnly('personal-secret.create', 'Create a secret.')
  @Answers(201, CoderSecretView, 'The secret, without its value.')
  @CoderRefuses({ invalid_request: `${BROKEN} Or there is no room for it.`, already_exists: TAKEN })
  async create(
    @Proof() access: Access<'user'>,
    @Param('user') user: string,
    @Body() body: unknown,
  ): Promise<CoderSecretView> {
    return CoderSecretView.of((await this.secrets.create(own(access, user), newSecret(body))).secret);
  }

  @Get(':name')
  @ApiParam(NAME)
  @CoderUserOnly('personal-secret.read', 'Read what is known of a secret.')
  @Answers(200, CoderSecretView, 'The secret, without its value.')
  @CoderRefuses({ invalid_request: '{user} is not the caller.' })
  async read(
    @Proof() access: Access<'user'>,
    @Param('user') user: string,
    @Param('name') name: string,
  ): Promise<CoderSecretView> {
    return CoderSecretView.of(await this.secrets.read(own(access, user), { name }));
  }

  @Patch(':name')
  @ApiParam(NAME)
  @ApiBody({ type: UpdateCoderSecretBody })
  @CoderUserOnly('personal-secret.update', 'Change a secret’s value, description or targets.')
  @Answers(200, CoderSecretView, 'The secret as it is now, without its value.')
  @CoderRefuses({ invalid_request: `${BROKEN} Or there is no room for it.`, already_exists: TAKEN })
  async update(
    @Proof() access: Access<'user'>,
    @Param('user') user: string,
    @Param('name') name: string,
    @Body() body: unknown,
  ): Promise<CoderSecretView> {
    return CoderSecretView.of(
      (await this.secrets.update(own(access, user), { name }, changeOf(body))).secret,
    );
  }

  @Delete(':name')
  @HttpCode(204)
  @ApiParam(NAME)
  @CoderUserOnly('personal-secret.delete', 'Delete a secret, at once and for good.')
  @Answers(204, null, 'It is gone.')
  @CoderRefuses({ invalid_request: '{user} is not the caller.' })
  async delete(
    @Proof() access: Access<'user'>,
    @Param('user') user: string,
    @Param('name') name: string,
  ): Promise<void> {
    await this.secrets.delete(own(access, user), { name });
  }
}
