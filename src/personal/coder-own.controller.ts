import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiParam, ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers } from '../access/answer.js';
import { IgnoresUnknown, Proof } from '../access/route-policy.js';
import { CoderRefuses, CoderUserOnly } from './openapi.js';
import { CreateCoderSecretBody, newSecret } from './coder.requests.js';
import { CoderOwnSecretsView, CoderOwnSecretView, CoderValueView } from './coder.views.js';
import { PersonalSecretsService } from './personal-secrets.service.js';

const NAME = { name: 'name', description: 'The secret’s name, percent-encoded.' };

/** Door 1, the first generation: the caller's own without naming them, and the one route of this door that gives a value out. */
@ApiTags('Personal secrets: door 1, first generation')
@IgnoresUnknown()
@Controller('api/v2/users/secrets')
export class CoderOwnController {
  constructor(private readonly secrets: PersonalSecretsService) {}

  @Get()
  @CoderUserOnly('own-secret.list', 'List the caller’s secrets, by name.')
  @Answers(200, CoderOwnSecretsView, 'The secrets, without their values.')
  @CoderRefuses()
  async list(@Proof() access: Access<'user'>): Promise<CoderOwnSecretsView> {
    return { secrets: (await this.secrets.list(access)).map(CoderOwnSecretView.of) };
  }

  @Post()
  @HttpCode(200)
  @ApiBody({ type: CreateCoderSecretBody })
  @CoderUserOnly('own-secret.create', 'Create a secret.')
  @Answers(200, CoderOwnSecretView, 'The secret, without its value.')
  @CoderRefuses({
    invalid_request: 'The body is not valid JSON, or fields break their rules, or there is no room for it.',
    already_exists: 'The name, the variable or the path is in use by another secret of yours.',
  })
  async create(@Proof() access: Access<'user'>, @Body() body: unknown): Promise<CoderOwnSecretView> {
    return CoderOwnSecretView.of((await this.secrets.create(access, newSecret(body))).secret);
  }

  @Get(':name')
  @ApiParam(NAME)
  @CoderUserOnly('own-secret.read', 'Read what is known of a secret.')
  @Answers(200, CoderOwnSecretView, 'The secret, without its value.')
  @CoderRefuses()
  async read(@Proof() access: Access<'user'>, @Param('name') name: string): Promise<CoderOwnSecretView> {
    return CoderOwnSecretView.of(await this.secrets.read(access, { name }));
  }

  @Get(':name/value')
  @ApiParam(NAME)
  @CoderUserOnly('personal-secret.value-get', 'Read a secret’s value.')
  @Answers(200, CoderValueView, 'The value. This read is on record already.')
  @CoderRefuses()
  async value(@Proof() access: Access<'user'>, @Param('name') name: string): Promise<CoderValueView> {
    return CoderValueView.of(await this.secrets.value(access, { name }));
  }
}
