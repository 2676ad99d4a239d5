import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Plaintext } from '../crypto/plaintext.js';
import { DreadnodeFieldsInvalid, type DreadnodeProblemView } from './dreadnode.errors.js';
import type { Change, Key, NewSecret } from './personal-rows.js';
import { PRESETS, type Preset } from './presets.js';
import { LARGEST_VALUE, providerProblem, reservedProblem, valueProblem } from './rules.js';

/**
 * What door 2 takes. Bodies and ids come here unread, so that everything that is wrong with a request is told together. Unknown fields
 * mean nothing.
 */
const VALUE = {
  description: `At most ${LARGEST_VALUE} bytes of UTF-8, no NUL.`,
  minLength: 1,
  example: 'a value',
};
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export class CreateDreadnodeSecretBody {
  @ApiProperty({
    description: 'The environment variable that it becomes.',
    pattern: VARIABLE.source,
    example: 'API_KEY',
  })
  name!: string;

  @ApiProperty(VALUE)
  value!: string;

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: 255, example: 'openai' })
  provider?: string | null;
}

export class ReplaceDreadnodeValueBody {
  @ApiProperty(VALUE)
  value!: string;
}

export class CreateDreadnodePresetBody {
  @ApiProperty({ enum: PRESETS.map(({ provider }) => provider) })
  provider!: string;

  @ApiProperty(VALUE)
  value!: string;
}

/** A secret of this door: its name is its variable's. */
export function newSecret(body: unknown): NewSecret {
  const problems = new Problems();
  const fields = problems.fieldsOf(body);
  const name = problems.text(fields, 'name', (text) =>
    VARIABLE.test(text)
      ? reservedProblem(text)
      : 'must be the name of an environment variable: letters, digits and underscores, at most 255, no digit first',
  );
  const value = problems.value(fields);
  const provider = fields.get('provider') == null ? null : problems.text(fields, 'provider', providerProblem);
  problems.refuse();
  return variable(name, value, provider);
}

export function newPreset(body: unknown): NewSecret {
  const problems = new Problems();
  const fields = problems.fieldsOf(body);
  const provider = problems.text(fields, 'provider', (text) =>
    presetOf(text) === undefined
      ? `must be one of: ${PRESETS.map((preset) => preset.provider).join(', ')}`
      : null,
  );
  const value = problems.value(fields);
  problems.refuse();
  return variable(presetOf(provider)?.env_var_name ?? '', value, provider);
}

/** A name in the body changes nothing here. */
export function newValue(id: string, body: unknown): { key: Key; change: Change } {
  const problems = new Problems();
  problems.id(id);
  const value = problems.value(problems.fieldsOf(body));
  problems.refuse();
  return { key: { id: id.toLowerCase() }, change: { value: new Plaintext(value) } };
}

export function identified(id: string): Key {
  const problems = new Problems();
  problems.id(id);
  problems.refuse();
  return { id: id.toLowerCase() };
}

function variable(name: string, value: string, provider: string | null): NewSecret {
  return { name, value: new Plaintext(value), description: '', envName: name, filePath: null, provider };
}

function presetOf(provider: string): Preset | undefined {
  return PRESETS.find((preset) => preset.provider === provider);
}

type Fields = ReadonlyMap<string, unknown>;

/** Collects what is wrong with a request. What it returns for something wrong is never used: `refuse` throws before. */
class Problems {
  private readonly found: DreadnodeProblemView[] = [];

  fieldsOf(body: unknown): Fields {
    if (typeof body === 'object' && body !== null && !Array.isArray(body))
      return new Map(Object.entries(body));
    this.found.push(
      body === undefined
        ? { loc: ['body'], msg: 'is required', type: 'missing' }
        : { loc: ['body'], msg: 'must be an object', type: 'object_type' },
    );
    // Nothing is to be said of the fields of what has none.
    throw new DreadnodeFieldsInvalid(this.found);
  }

  text(fields: Fields, field: string, problemOf: (text: string) => string | null): string {
    const loc = ['body', field];
    const text = fields.get(field);
    if (typeof text !== 'string') {
      this.found.push(
        text === undefined
          ? { loc, msg: 'is required', type: 'missing' }
          : { loc, msg: 'must be a string', type: 'string_type' },
      );
      return '';
    }
    const msg = problemOf(text);
    if (msg !== null) this.found.push({ loc, msg, type: 'value_error' });
    return text;
  }

  value(fields: Fields): string {
    return this.text(fields, 'value', (text) => (text === '' ? 'is required' : valueProblem(text)));
  }

  id(id: string): void {
    if (!UUID.test(id)) this.found.push({ loc: ['path', 'id'], msg: 'must be a uuid', type: 'uuid_parsing' });
  }

  refuse(): void {
    if (this.found.length > 0) throw new DreadnodeFieldsInvalid(this.found);
  }
}
