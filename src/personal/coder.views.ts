import { ApiProperty } from '@nestjs/swagger';
import type { Plaintext } from '../crypto/plaintext.js';
import type { SecretRow } from './personal-rows.js';

/** A secret as door 1 shows it: never its value. What is not set is "". */
export class CoderSecretView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'api-key' })
  name!: string;

  @ApiProperty({ example: 'API key for workspace tools' })
  description!: string;

  @ApiProperty({ example: 'API_KEY' })
  env_name!: string;

  @ApiProperty({ example: '' })
  file_path!: string;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ format: 'date-time' })
  updated_at!: string;

  static of(row: SecretRow): CoderSecretView {
    return {
      id: row.id,
      name: row.name,
      description: row.description,
      env_name: row.env_name ?? '',
      file_path: row.file_path ?? '',
      created_at: row.created_at.toISOString(),
      updated_at: row.updated_at.toISOString(),
    };
  }
}

/** The same in the first generation of this family, which also says whose it is. */
export class CoderOwnSecretView extends CoderSecretView {
  @ApiProperty({ format: 'uuid' })
  user_id!: string;

  static override of(row: SecretRow): CoderOwnSecretView {
    return { ...CoderSecretView.of(row), user_id: row.user_id };
  }
}

export class CoderOwnSecretsView {
  @ApiProperty({ type: [CoderOwnSecretView] })
  secrets!: CoderOwnSecretView[];
}

export class CoderValueView {
  @ApiProperty({ example: 'a value' })
  value!: string;

  static of(value: Plaintext): CoderValueView {
    return { value: value.reveal() };
  }
}
