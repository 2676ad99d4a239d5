import { resolve } from 'node:path';
import { environmentForm } from '../../formats/names.js';
import type { Call } from '../call.js';
import { environment } from '../environment.js';
import { usage, type Failure } from '../failure.js';
import { home } from '../logins.js';
import { readValues } from '../values.js';
import { readPersonal } from './personal.js';

/** A file that the child is to find. `isNew`: it must not be there yet, and goes when the child has ended. */
export type PlannedFile = Readonly<{ secret: string; path: string; value: string; isNew: boolean }>;

/** Everything that a child gets, read at one revision. */
export type Plan = Readonly<{
  revision: number;
  /** What goes over the parent's environment, and which secret each variable comes from. */
  variables: ReadonlyMap<string, Readonly<{ secret: string; value: string }>>;
  files: readonly PlannedFile[];
}>;

/** `--file NAME=PATH`, by name. */
export type FileTargets = ReadonlyMap<string, string>;

export function fileTargets(given: readonly string[]): FileTargets {
  const targets = new Map<string, string>();
  for (const each of given) {
    const [, name, path] = /^([^=]+)=(.+)$/s.exec(each) ?? [];
    if (name === undefined || path === undefined) throw usage('--file takes NAME=PATH.');
    if (targets.has(name)) throw usage(`--file names ${name} twice.`);
    const absolute = absolutePath(path);
    if ([...targets.values()].includes(absolute)) throw usage(`--file names the path ${absolute} twice.`);
    targets.set(name, absolute);
  }
  return targets;
}

/** Reads what the child is to get: the environment's values, and over them the caller's own. */
export async function readPlan(call: Call, targets: FileTargets): Promise<Plan> {
  const { revision, values } = await readValues(call);
  const personal = call.flags.isSet('personal') ? await readPersonal(call) : [];
  const variables = new Map<string, { secret: string; value: string }>();
  const files: PlannedFile[] = [];
  for (const name of targets.keys()) checkTarget(call, name, values);
  for (const [secret, value] of values) {
    const path = targets.get(secret);
    if (path === undefined) variables.set(environmentForm(secret), { secret, value });
    else files.push({ secret, path, value, isNew: true });
  }
  for (const { secret, path } of files) addPath(variables, secret, path);
  for (const { name, variable, value } of personal) {
    if (variable === '') continue;
    const ofFile = files.find(({ secret }) => pathVariable(secret) === variable);
    if (ofFile !== undefined) throw taken(ofFile.secret, name);
    variables.set(variable, { secret: name, value });
  }
  const own = personal.filter(({ path }) => path !== '');
  return {
    revision,
    variables,
    files: [
      ...own.map(({ name, path, value }) => ({
        secret: name,
        path: absolutePath(path),
        value,
        isNew: false,
      })),
      ...files,
    ],
  };
}

/**
 * The parent's environment with the plan's variables over it. The credential is not the child's to have, and what is in a file is in no
 * variable, not even in the parent's.
 */
export function childEnvironment(plan: Plan): Record<string, string> {
  const inFiles = plan.files.flatMap(({ secret, isNew }) => (isNew ? [environmentForm(secret)] : []));
  const withheld = new Set(['COFFER_TOKEN', ...inFiles]);
  const entries = Object.entries(environment()).flatMap(([name, value]) =>
    value === undefined || withheld.has(name) ? [] : [[name, value] as const],
  );
  const result = Object.fromEntries(entries);
  for (const [name, { value }] of plan.variables) result[name] = value;
  return result;
}

/** Whether a child would notice the difference. */
export function givesTheSame(one: Plan, other: Plan): boolean {
  const essence = ({ variables, files }: Plan): string => JSON.stringify([[...variables].sort(), files]);
  return essence(one) === essence(other);
}

function checkTarget(call: Call, name: string, values: ReadonlyMap<string, string>): void {
  if (values.has(name) || call.flags.list('allowMissing').join(',').split(',').includes(name)) return;
  const wasLeftOut = call.flags.list('only').length > 0;
  throw usage(
    wasLeftOut
      ? `--file names ${name}, which --only leaves out.`
      : `--file names ${name}, which is not declared in ${call.placeName}.`,
  );
}

function addPath(
  variables: Map<string, { secret: string; value: string }>,
  secret: string,
  path: string,
): void {
  const variable = pathVariable(secret);
  const earlier = variables.get(variable);
  if (earlier !== undefined) throw taken(secret, earlier.secret);
  variables.set(variable, { secret, value: path });
}

/** Where the child finds the path of a secret's file. */
function pathVariable(secret: string): string {
  return `${environmentForm(secret)}_FILE`;
}

function taken(secret: string, by: string): Failure {
  return usage(`--file ${secret}=… would set ${pathVariable(secret)}, which the secret ${by} sets already.`);
}

/** `~/` is the user's home. */
function absolutePath(path: string): string {
  return path.startsWith('~/') ? resolve(home(), path.slice(2)) : resolve(path);
}
