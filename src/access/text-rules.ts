import { Transform } from 'class-transformer';
import { ValidateBy, ValidateIf } from 'class-validator';

/** A rule for one field out of a function that says what is wrong with a text, or null. What is no string is told as such. */
export function TextRule(name: string, problem: (text: string) => string | null): PropertyDecorator {
  const problemOf = (value: unknown): string | null =>
    typeof value === 'string' ? problem(value) : 'must be a string';
  return ValidateBy({
    name,
    validator: {
      validate: (value: unknown) => problemOf(value) === null,
      defaultMessage: (found) => problemOf(found?.value) ?? '',
    },
  });
}

/** At most that many characters, counted as Unicode code points. */
export function MaxCharacters(most: number): PropertyDecorator {
  return TextRule('maxCharacters', (text) =>
    [...text].length > most ? `has more than ${most.toLocaleString('en')} characters` : null,
  );
}

/** A number in a query, which is text until then: digits alone. Whatever else is written stays text, for the rules to refuse. */
export function FromDigits(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' && /^(?:0|[1-9]\d{0,15})$/.test(value) ? Number(value) : value,
  );
}

/** For a field that may be left out; unlike `IsOptional` it lets no null through. */
export function MayBeLeftOut(): PropertyDecorator {
  return ValidateIf((_, value) => value !== undefined);
}
