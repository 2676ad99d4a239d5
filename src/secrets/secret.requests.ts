import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { Equals, IsIn, IsInt, IsOptional, Max, Min, ValidateBy } from 'class-validator';
import { PageQuery } from '../access/paging.js';
import { FromDigits, MaxCharacters, MayBeLeftOut, TextRule } from '../access/text-rules.js';
import { Plaintext } from '../crypto/plaintext.js';
import { FORMATS, type Format } from '../formats/format.js';
import { kubernetesNameProblem, kubernetesNamespaceProblem } from '../formats/k8s.js';
import { nameProblem } from '../formats/names.js';
import { LARGEST_VALUE, valueProblem } from '../formats/value.js';

const LARGEST_VERSION = 2_147_483_647;

/** Declares a secret, or describes it anew. A value has no place in it: it is set by a route of its own. */
export class SecretBody {
  @ApiProperty({ enum: ['Secret'] })
  @Equals('Secret', { message: 'must be "Secret"' })
  kind!: 'Secret';

  @ApiProperty({ example: 'DATABASE_URL', pattern: '^[A-Za-z_][A-Za-z0-9_.-]{0,127}$' })
  @TextRule('secretName', nameProblem)
  name!: string;

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: 1024, example: 'Where the orders live.' })
  @IsOptional()
  @MaxCharacters(1024)
  description?: string | null;
}

/** The value on its way in: a `Plaintext` from here to its seal. */
export class ValueBody {
  @ApiProperty({
    type: String,
    description: `At most ${String(LARGEST_VALUE)} bytes of UTF-8, no NUL. "" is a value.`,
  })
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? new Plaintext(value) : value))
  @IsValue()
  value!: Plaintext;

  @ApiPropertyOptional({
    description: 'The version of the present value must be this one; 0: none yet.',
    minimum: 0,
  })
  @MayBeLeftOut()
  @IsInt()
  @Min(0)
  @Max(LARGEST_VERSION)
  ifVersion?: number;
}

export class RollbackBody {
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    description: 'The earlier version whose value becomes a new one.',
  })
  @IsInt()
  @Min(1)
  @Max(LARGEST_VERSION)
  version!: number;
}

/** Which secrets of an environment are listed. */
export class ListSecretsQuery extends PageQuery {
  @ApiPropertyOptional({
    enum: ['true', 'false'],
    description: 'Only those with a value, or only those without.',
  })
  @IsOptional()
  @IsIn(['true', 'false'])
  hasValue?: 'true' | 'false';

  @ApiPropertyOptional({
    enum: ['true', 'false'],
    description: 'Only the deleted ones that can be restored.',
  })
  @IsOptional()
  @IsIn(['true', 'false'])
  deleted?: 'true' | 'false';
}

/** Which version of a value is read: the present one when left out. */
export class VersionQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1 })
  @IsOptional()
  @FromDigits()
  @IsInt()
  @Min(1)
  @Max(LARGEST_VERSION)
  version?: number;
}

/** Which values of an environment are read, as what, and what happens when some are missing. */
export class ValuesQuery {
  @ApiPropertyOptional({ description: 'Only these, separated by commas.', example: 'DATABASE_URL,API_KEY' })
  @IsOptional()
  @TextRule('names', (text) => (text.split(',').includes('') ? 'must be names separated by commas' : null))
  names?: string;

  @ApiPropertyOptional({
    enum: ['omit'],
    description: 'Leave out what has no value, and list it in `missing`.',
  })
  @IsOptional()
  @IsIn(['omit'])
  missing?: 'omit';

  @ApiPropertyOptional({ enum: FORMATS, description: 'As a file for the program that reads them.' })
  @IsOptional()
  @IsIn(FORMATS)
  format?: Format;

  @ApiPropertyOptional({
    description: 'With `format=k8s`: the Secret’s name; project and environment joined by `-` when left out.',
  })
  @IsOptional()
  @OfKubernetes(kubernetesNameProblem)
  name?: string;

  @ApiPropertyOptional({ description: 'With `format=k8s`: the Secret’s namespace.' })
  @IsOptional()
  @OfKubernetes(kubernetesNamespaceProblem)
  namespace?: string;
}

/** What only the format `k8s` has a place for: with another one it is refused, never ignored. */
function OfKubernetes(problem: (text: string) => string | null): PropertyDecorator {
  const problemOf = (value: unknown, query: unknown): string | null => {
    if (!(query instanceof ValuesQuery) || query.format !== 'k8s') return 'goes with format=k8s only';
    return typeof value === 'string' ? problem(value) : 'must be a string';
  };
  return ValidateBy({
    name: 'ofKubernetes',
    validator: {
      validate: (value: unknown, found) => problemOf(value, found?.object) === null,
      defaultMessage: (found) => problemOf(found?.value, found?.object) ?? '',
    },
  });
}

function IsValue(): PropertyDecorator {
  const problemOf = (value: unknown): string | null =>
    value instanceof Plaintext ? valueProblem(value.reveal()) : 'must be a string';
  return ValidateBy({
    name: 'value',
    validator: {
      validate: (value: unknown) => problemOf(value) === null,
      defaultMessage: (found) => problemOf(found?.value) ?? '',
    },
  });
}
