import { nameProblem } from '../formats/names.js';
import { valueProblem } from '../formats/value.js';
import type { View } from './api-client.js';
import { Refused } from './api-error.js';
import type { Call } from './call.js';
import { EXIT, Failure, usage } from './failure.js';
import { isRecord } from './json.js';
import { printable } from './terminal.js';

/** The values of an environment at one revision, by the names under which they were declared. */
export type Values = Readonly<{ revision: number; values: ReadonlyMap<string, string> }>;

/**
 * Reads them in one call. Throws when a declared secret has no value, unless `--allow-missing` names it: nothing begins
 * with half of its secrets.
 */
export async function readValues(call: Call): Promise<Values> {
  const only = namesIn(call.flags.list('only'));
  const mayMiss = new Set(namesIn(call.flags.list('allowMissing')));
  const query = {
    names: only.length === 0 ? undefined : only.join(','),
    missing: mayMiss.size === 0 ? undefined : ('omit' as const),
  };
  const answer = await call.api
    .get('/{o}/{p}/envs/{envName}/values', { path: call.place, query })
    .catch((error: unknown) => {
      throw inOurWords(call, error);
    });
  if (!isValues(answer)) throw notValues(call);
  const missing = (answer.missing ?? []).filter((name) => !mayMiss.has(name));
  if (missing.length > 0) throw valuesMissing(call, missing);
  const values = new Map(Object.entries(answer.values));
  for (const [name, value] of values) checkEntry(name, value);
  return { revision: answer.revision, values };
}

function inOurWords(call: Call, error: unknown): unknown {
  if (!(error instanceof Refused) || error.code !== 'values_missing') return error;
  return valuesMissing(
    call,
    error.details.map(({ name }) => String(name)),
  );
}

function valuesMissing(call: Call, names: readonly string[]): Failure {
  const list = names.map((name) => `\n  ${printable(name)}`).join('');
  return new Failure(
    EXIT.valueMissing,
    `These secrets of ${call.placeName} have no value:${list}\nSet each with: coffer set NAME; or go on without: --allow-missing NAME`,
  );
}

/** Only `?format=json` answers with anything else. */
function isValues(answer: object): answer is View<'EnvironmentValuesView'> {
  return 'values' in answer && isRecord(answer.values);
}

/** `--only A,B` and `--only A --only B` mean the same. */
function namesIn(given: readonly string[]): string[] {
  const names = given.flatMap((list) => list.split(','));
  if (names.includes('')) throw usage('A list of names has an empty name in it: write A,B');
  return [...new Set(names)];
}

/** What a service of ours never stores. A child's environment is no place to find out. */
function checkEntry(name: string, value: unknown): void {
  const problem = nameProblem(name) ?? (typeof value === 'string' ? valueProblem(value) : 'It is no text.');
  if (problem === null) return;
  throw new Failure(
    EXIT.failed,
    `The service sent a secret that cannot be used, ${printable(name)}: ${problem}`,
  );
}

function notValues(call: Call): Failure {
  return new Failure(
    EXIT.unreachable,
    `${call.connection.server} did not answer with the values of an environment.`,
  );
}
