import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiBody, ApiParam, ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers } from '../access/answer.js';
import { IgnoresUnknown, Proof } from '../access/route-policy.js';
import {
  CreateDreadnodePresetBody,
  CreateDreadnodeSecretBody,
  identified,
  newPreset,
  newSecret,
  newValue,
  ReplaceDreadnodeValueBody,
} from './dreadnode.requests.js';
import { DreadnodeSecretsView, DreadnodeSecretView, PresetsView } from './dreadnode.views.js';
import { DreadnodeRefuses, DreadnodeUserOnly } from './openapi.js';
import { PersonalSecretsService } from './personal-secrets.service.js';

const ID = { name: 'id', schema: { type: 'string', format: 'uuid' } } as const;
const TAKEN = 'The name is in use by another secret of yours.';
const BROKEN = 'Fields break their rules: all of them are in errors. Or there is no room for it.';

/** Door 2: always the caller's own, by id, under the names of environment variables. */
@ApiTags('Personal secrets: door 2')
@IgnoresUnknown()
@Controller('api/v1/user/secrets')
export class DreadnodeController {
  constructor(private readonly secrets: PersonalSecretsService) {}

  @Get()
  @DreadnodeUserOnly('user-secret.list', 'List the caller’s secrets, by name.')
  @Answers(200, DreadnodeSecretsView, 'The secrets, their values masked.')
  @DreadnodeRefuses()
  async list(@Proof() access: Access<'user'>): Promise<DreadnodeSecretsView> {
    return DreadnodeSecretsView.of(await this.secrets.listMasked(access));
  }

  @Post()
  @ApiBody({ type: CreateDreadnodeSecretBody })
  @DreadnodeUserOnly('user-secret.create', 'Create a secret.')
  @Answers(201, DreadnodeSecretView, 'The secret, its value masked.')
  @DreadnodeRefuses({ already_exists: TAKEN }, BROKEN)
  async create(@Proof() access: Access<'user'>, @Body() body: unknown): Promise<DreadnodeSecretView> {
    return DreadnodeSecretView.of(await this.secrets.create(access, newSecret(body)));
  }

  @Get('presets')
  @DreadnodeUserOnly('user-secret.presets', 'List the presets, and which of them the caller has.')
  @Answers(200, PresetsView, 'The presets.')
  @DreadnodeRefuses()
  async presets(@Proof() access: Access<'user'>): Promise<PresetsView> {
    return PresetsView.of(await this.secrets.list(access));
  }

  @Post('preset')
  @ApiBody({ type: CreateDreadnodePresetBody })
  @DreadnodeUserOnly('user-secret.create-preset', 'Create the secret of a preset.')
  @Answers(201, DreadnodeSecretView, 'The secret, its value masked.')
  @DreadnodeRefuses({ already_exists: TAKEN }, BROKEN)
  async createPreset(@Proof() access: Access<'user'>, @Body() body: unknown): Promise<DreadnodeSecretView> {
    return DreadnodeSecretView.of(await this.secrets.create(access, newPreset(body)));
  }

  @Get(':id')
  @ApiParam(ID)
  @DreadnodeUserOnly('user-secret.read', 'Read what is known of a secret.')
  @Answers(200, DreadnodeSecretView, 'The secret, its value masked.')
  @DreadnodeRefuses({}, 'The id is no uuid.')
  async read(@Proof() access: Access<'user'>, @Param('id') id: string): Promise<DreadnodeSecretView> {
    return DreadnodeSecretView.of(await this.secrets.readMasked(access, identified(id)));
  }

  @Put(':id')
  @ApiParam(ID)
  @ApiBody({ type: ReplaceDreadnodeValueBody })
  @DreadnodeUserOnly('user-secret.update', 'Replace a secret’s value. Nothing else changes.')
  @Answers(200, DreadnodeSecretView, 'The secret, its new value masked.')
  @DreadnodeRefuses({}, BROKEN)
  async update(
    @Proof() access: Access<'user'>,
    @Param('id') id: string,
    @Body() body: unknown,
  ): Promise<DreadnodeSecretView> {
    const { key, change } = newValue(id, body);
    return DreadnodeSecretView.of(await this.secrets.update(access, key, change));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiParam(ID)
  @DreadnodeUserOnly('user-secret.delete', 'Delete a secret, at once and for good.')
  @Answers(204, null, 'It is gone.')
  @DreadnodeRefuses({}, 'The id is no uuid.')
  async delete(@Proof() access: Access<'user'>, @Param('id') id: string): Promise<void> {
    await this.secrets.delete(access, identified(id));
  }
}
