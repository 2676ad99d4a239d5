import { ApiProperty } from '@nestjs/swagger';
import type { SecretRow } from './personal-rows.js';
import type { MaskedSecret } from './personal-secrets.service.js';
import { PRESETS } from './presets.js';

/** A secret as door 2 shows it: its value masked. */
export class DreadnodeSecretView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ description: 'The environment variable that it becomes.', example: 'OPENAI_API_KEY' })
  name!: string;

  @ApiProperty({ type: String, nullable: true, example: 'openai' })
  provider!: string | null;

  @ApiProperty({ description: 'For display: four bullets, whatever the length.', example: 'sk-pro••••789' })
  masked_value!: string;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ format: 'date-time' })
  updated_at!: string;

  static of({ secret, mask }: MaskedSecret): DreadnodeSecretView {
    return {
      id: secret.id,
      name: variableOf(secret),
      provider: secret.provider,
      masked_value: mask.reveal(),
      created_at: secret.created_at.toISOString(),
      updated_at: secret.updated_at.toISOString(),
    };
  }
}

export class DreadnodeSecretsView {
  @ApiProperty({ type: [DreadnodeSecretView] })
  secrets!: DreadnodeSecretView[];

  @ApiProperty({ type: 'integer', description: 'How many there are: the list is not paged.' })
  total!: number;

  static of(secrets: readonly MaskedSecret[]): DreadnodeSecretsView {
    return { secrets: secrets.map(DreadnodeSecretView.of), total: secrets.length };
  }
}

export class PresetView {
  @ApiProperty({ example: 'openai' })
  provider!: string;

  @ApiProperty({ example: 'OPENAI_API_KEY' })
  env_var_name!: string;

  @ApiProperty({ description: 'Whether the caller has a secret of that name, however it was made.' })
  configured!: boolean;
}

export class PresetsView {
  @ApiProperty({ type: [PresetView] })
  presets!: PresetView[];

  static of(secrets: readonly SecretRow[]): PresetsView {
    const names = new Set(secrets.map(variableOf));
    return {
      presets: PRESETS.map(({ provider, env_var_name }) => ({
        provider,
        env_var_name,
        configured: names.has(env_var_name),
      })),
    };
  }
}

/** A secret of door 1 without a variable goes by its name here. */
function variableOf(secret: SecretRow): string {
  return secret.env_name ?? secret.name;
}
