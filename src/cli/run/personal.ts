import type { Call } from '../call.js';
import { EXIT, Failure } from '../failure.js';
import { Refused } from '../api-error.js';
import { printable } from '../terminal.js';

const OWN = '/api/v2/users/secrets';
const READS_AT_ONCE = 6;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A personal secret that goes somewhere: into a variable, a file, or both. Empty is nowhere. */
export type PersonalSecret = Readonly<{ name: string; variable: string; path: string; value: string }>;

/** The caller's own secrets with a target. Each value is read, and is on record, by itself. */
export async function readPersonal(call: Call): Promise<readonly PersonalSecret[]> {
  if (call.bearer.isServiceToken) return [];
  const { secrets } = await call.api.get(OWN, {});
  const wanted = secrets.filter(({ env_name, file_path }) => env_name !== '' || file_path !== '');
  const found: PersonalSecret[] = [];
  for (let start = 0; start < wanted.length; start += READS_AT_ONCE) {
    const read = wanted.slice(start, start + READS_AT_ONCE).map(async ({ name, env_name, file_path }) => {
      const value = await readValue(call, name);
      return value === null ? [] : [checked({ name, variable: env_name, path: file_path, value })];
    });
    found.push(...(await Promise.all(read)).flat());
  }
  return found;
}

/** Null when it was deleted a moment ago. */
async function readValue(call: Call, name: string): Promise<string | null> {
  try {
    return (await call.api.get(`${OWN}/{name}/value`, { path: { name } })).value;
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

function checked(secret: PersonalSecret): PersonalSecret {
  const { name, variable, path } = secret;
  const isGood = (variable === '' || VARIABLE.test(variable)) && (path === '' || /^~?\//.test(path));
  if (isGood) return secret;
  throw new Failure(EXIT.failed, `The personal secret ${printable(name)} has a target that cannot be used.`);
}
