import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Plaintext } from '../crypto/plaintext.js';
import { CofferError } from '../errors/errors.js';
import {
  CoderFieldsInvalid,
  NotTheCaller,
  NotTheJsonExpected,
  type CoderValidationView,
} from './coder.errors.js';
import type { Change, NewSecret } from './personal-rows.js';
import {
  descriptionProblem,
  envNameProblem,
  filePathProblem,
  LARGEST_VALUE,
  nameProblem,
  valueProblem,
} from './rules.js';

/**
 * What door 1 takes. Its clients count on an order of checks that is not this service's usual one, so bodies come here unread: first whose
 * secrets are meant, then whether the body has the right types, then all its fields together. Unknown fields mean nothing.
 */
class FieldsOfBoth {
  @ApiPropertyOptional({
    type: String,
    nullable: true,
    maxLength: 1024,
    example: 'API key for workspace tools',
  })
  description?: string | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description:
      'The environment variable that it becomes; not one of those that shells and programs act on.',
    example: 'API_KEY',
  })
  env_name?: string | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'The file that it becomes: begins with `~/` or `/`.',
    example: '~/.config/tool/key',
  })
  file_path?: string | null;
}

export class CreateCoderSecretBody extends FieldsOfBoth {
  @ApiProperty({ maxLength: 255, example: 'api-key' })
  name!: string;

  @ApiProperty({ description: `At most ${LARGEST_VALUE} bytes of UTF-8, no NUL.`, example: 'a value' })
  value!: string;
}

/** Null or left out keeps a field, `""` clears it. The name cannot change. */
export class UpdateCoderSecretBody extends FieldsOfBoth {
  @ApiPropertyOptional({ type: String, nullable: true, description: 'The new value; "" is one.' })
  value?: string | null;
}

const CREATE_FIELDS = ['name', 'value', 'description', 'env_name', 'file_path'] as const;
const UPDATE_FIELDS = ['value', 'description', 'env_name', 'file_path'] as const;

type Field = (typeof CREATE_FIELDS)[number];
type Fields = Readonly<Partial<Record<Field, string>>>;

/** Lets through the caller's own proof when the path means the caller. */
export function own(access: Access<'user'>, user: string): Access<'user'> {
  const { id, username } = access.user;
  if (user === 'me' || user === username || user.toLowerCase() === id) return access;
  throw new NotTheCaller();
}

export function newSecret(body: unknown): NewSecret {
  if (body === undefined) throw new NotTheJsonExpected('It is empty.');
  const fields = read(body, CREATE_FIELDS);
  const {
    name = '',
    value = '',
    description = '',
    env_name: envName = '',
    file_path: filePath = '',
  } = fields;
  refuseBroken({
    name: nameProblem(name),
    value: value === '' ? 'is required' : valueProblem(value),
    ...problemsOfBoth(fields),
  });
  return {
    name,
    value: new Plaintext(value),
    description,
    envName: envName || null,
    filePath: filePath || null,
    provider: null,
  };
}

export function changeOf(body: unknown): Change {
  const fields = read(body ?? {}, UPDATE_FIELDS);
  if (Object.keys(fields).length === 0) {
    throw new CofferError('invalid_request', 'At least one field must be provided.');
  }
  const { value, description, env_name: envName, file_path: filePath } = fields;
  refuseBroken({ value: value === undefined ? null : valueProblem(value), ...problemsOfBoth(fields) });
  return {
    ...(value === undefined ? {} : { value: new Plaintext(value) }),
    ...(description === undefined ? {} : { description }),
    ...(envName === undefined ? {} : { envName: envName || null }),
    ...(filePath === undefined ? {} : { filePath: filePath || null }),
  };
}

/** The known fields that have a value; null is as good as left out. */
function read(body: unknown, known: readonly Field[]): Fields {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new NotTheJsonExpected('It must be an object.');
  }
  const given = new Map<string, unknown>(Object.entries(body));
  const fields: Partial<Record<Field, string>> = {};
  for (const field of known) {
    const value = given.get(field) ?? undefined;
    if (value === undefined) continue;
    if (typeof value !== 'string') throw new NotTheJsonExpected(`${field} must be a string.`);
    fields[field] = value;
  }
  return fields;
}

type Problems = Readonly<Partial<Record<Field, string | null>>>;

/** An empty target is none. */
function problemsOfBoth(fields: Fields): Problems {
  const { description = '', env_name: envName = '', file_path: filePath = '' } = fields;
  return {
    description: descriptionProblem(description),
    env_name: envName === '' ? null : envNameProblem(envName),
    file_path: filePath === '' ? null : filePathProblem(filePath),
  };
}

function refuseBroken(problems: Problems): void {
  const validations: CoderValidationView[] = CREATE_FIELDS.flatMap((field) => {
    const detail = problems[field] ?? null;
    return detail === null ? [] : [{ field, detail }];
  });
  if (validations.length > 0) throw new CoderFieldsInvalid(validations);
}
