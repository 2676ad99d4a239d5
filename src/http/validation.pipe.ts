import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { plainToInstance, type ClassConstructor } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { InvalidRequest, type FieldProblem } from '../errors/errors.js';

const LONGEST_FIELD_NAME = 100;
const UNKNOWN_FIELD = 'is not a field of this request';

/** Bodies and queries against their classes: unknown fields are refused, and all problems come back together, never with the input. */
@Injectable()
export class ValidationPipe implements PipeTransform<unknown> {
  /** Most reads have no query at all: what that comes to is worked out once for each class. */
  private readonly ofNothing = new Map<unknown, unknown>();

  transform(input: unknown, { metatype, type }: ArgumentMetadata): unknown {
    if ((type !== 'body' && type !== 'query') || metatype === undefined || metatype === Object) return input;
    if (type === 'body' || Object.keys(input ?? {}).length > 0) return validated(metatype, input ?? {});
    const known = this.ofNothing.get(metatype) ?? Object.freeze(validated(metatype, {}));
    this.ofNothing.set(metatype, known);
    return known;
  }
}

/** The instance of `shape` that the plain `input` describes. Throws `InvalidRequest` with every broken rule. */
export function validated(shape: ClassConstructor<unknown>, input: unknown): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new InvalidRequest([], 'The body must be a JSON object.');
  }
  const illFormed = [...illFormedTexts(input, '')];
  const instance = instanceOf(shape, input);
  const errors = validateSync(instance as object, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    validationError: { target: false, value: false },
  });
  const isTold = new Set(illFormed.map(({ field }) => field));
  const others = [...leftOut(input, instance as object), ...errors.flatMap((error) => problemsOf(error, ''))];
  const problems = [...illFormed, ...others.filter(({ field }) => !isTold.has(field))];
  if (problems.length > 0) throw new InvalidRequest(problems);
  return instance;
}

/** class-transformer asks nested objects for their `constructor`, and breaks on a field of that name. */
function instanceOf(shape: ClassConstructor<unknown>, input: object): unknown {
  try {
    return plainToInstance(shape, input);
  } catch {
    throw new InvalidRequest([], 'A field inside of the body has a name that no field can have here.');
  }
}

/** Fields like `constructor` and `toString`, which class-transformer drops without a word: nothing is ever ignored here. */
function leftOut(input: object, instance: object): FieldProblem[] {
  return Object.keys(input)
    .filter((name) => name.isWellFormed() && !Object.hasOwn(instance, name))
    .map((name) => ({ field: name.slice(0, LONGEST_FIELD_NAME).toWellFormed(), error: UNKNOWN_FIELD }));
}

function problemsOf(error: ValidationError, prefix: string): FieldProblem[] {
  // What is wrong with a name that is no text was told before.
  if (!error.property.isWellFormed()) return [];
  const field = prefix + error.property.slice(0, LONGEST_FIELD_NAME).toWellFormed();
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    field,
    error: rule === 'whitelistValidation' ? UNKNOWN_FIELD : withoutName(message, error.property),
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => problemsOf(child, `${field}.`))];
}

/** class-validator begins its messages with the property's name, which `field` says already. */
function withoutName(message: string, property: string): string {
  return message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}

/** Strings that nothing can store as they are: a lone surrogate has no UTF-8, and PostgreSQL's text has no NUL. */
function* illFormedTexts(part: unknown, path: string): Generator<FieldProblem> {
  if (typeof part === 'string') {
    if (!part.isWellFormed()) yield { field: path, error: 'has a lone surrogate: it is not Unicode text' };
    if (part.includes('\0')) yield { field: path, error: 'has a NUL character' };
  } else if (typeof part === 'object' && part !== null) {
    for (const [key, member] of Object.entries(part)) {
      const name = key.toWellFormed().slice(0, LONGEST_FIELD_NAME);
      if (!key.isWellFormed()) yield { field: path, error: 'has a field whose name is not Unicode text' };
      yield* illFormedTexts(member, path === '' ? name : `${path}.${name}`);
    }
  }
}
