import { SECRET_NAME } from '../../formats/names.js';
import type { Call } from '../call.js';
import type { CommandSpec } from '../command.js';
import { confirmed } from '../confirm.js';
import { EXIT, Failure } from '../failure.js';
import { printTable } from '../table.js';
import { print, printable, printJson, say } from '../terminal.js';
import { told } from '../times.js';

// The secrets of an environment: what is declared, what has a value, what it was before. No value passes here.

const SECRETS = '/{o}/{p}/envs/{envName}/secrets';
const SECRET = '/{o}/{p}/envs/{envName}/secrets/{name}';

export const secretCommands: readonly CommandSpec[] = [
  {
    usage: 'list',
    summary: 'list the secrets of the environment',
    details: 'Shows what is declared and whether it has a value. It never shows a value.',
    flags: [
      ['--missing', 'only those without a value'],
      ['--deleted', 'the deleted ones that can be restored'],
    ],
    asks: 'environment',
    json: true,
    examples: ['coffer list', 'coffer list --env acme/web/prod --json'],
    run: list,
  },
  {
    usage: 'declare <name>',
    summary: 'declare a secret, without a value',
    flags: [['--description <text>', 'what it is for']],
    asks: 'environment',
    json: true,
    examples: ['coffer declare DATABASE_URL --description "the primary database"'],
    run: declare,
  },
  {
    usage: 'describe <name>',
    summary: 'describe a secret anew',
    flags: [['--description <text>', 'what it is for; "" takes the description away', 'required']],
    asks: 'environment',
    json: true,
    examples: ['coffer describe DATABASE_URL --description "the replica"'],
    run: describe,
  },
  {
    usage: 'delete <name>',
    summary: 'delete a secret; it can be restored for a while',
    flags: [['--yes', 'do not ask']],
    asks: 'environment',
    json: true,
    examples: ['coffer delete OLD_KEY', 'coffer delete OLD_KEY --yes'],
    run: remove,
  },
  {
    usage: 'restore <name>',
    summary: 'restore the secret of that name that was deleted last',
    asks: 'environment',
    json: true,
    examples: ['coffer restore OLD_KEY'],
    run: restore,
  },
  {
    usage: 'history <name>',
    summary: 'list the versions of a value: when, and by whom',
    asks: 'environment',
    json: true,
    examples: ['coffer history DATABASE_URL'],
    run: history,
  },
  {
    usage: 'rollback <name>',
    summary: 'set the value of an earlier version again, as a new version',
    flags: [['--to <version>', 'the version whose value it is to be', 'required-number']],
    asks: 'environment',
    json: true,
    examples: ['coffer rollback DATABASE_URL --to 3'],
    run: rollback,
  },
  {
    usage: 'check',
    summary: 'see whether every declared secret has a value',
    details: 'Exits with 0 when all have one; else with 3, and the names without a value on stdout.',
    asks: 'environment',
    json: true,
    examples: ['coffer check --env acme/web/prod && ./deploy'],
    run: check,
  },
];

/** A name that may stand in a path. What else a name must be is the service's to say. */
export function secretName(call: Call, position = 0): string {
  const name = call.argument(position);
  if (SECRET_NAME.test(name)) return name;
  throw new Failure(
    EXIT.failed,
    `“${name}” cannot be a secret's name: it begins with a letter or an underscore and has letters, digits, “_”, “.” and “-” only, at most 128.`,
  );
}

async function list(call: Call): Promise<void> {
  const query = {
    hasValue: call.flags.isSet('missing') ? ('false' as const) : undefined,
    deleted: call.flags.isSet('deleted') ? ('true' as const) : undefined,
  };
  const secrets = await call.api.all(SECRETS, { path: call.place, query });
  if (call.json) return printJson(secrets);
  if (secrets.length === 0) {
    say(`Nothing to list in ${call.placeName}.`);
    return;
  }
  await printTable(
    ['NAME', 'HAS VALUE', 'VERSION', 'UPDATED', 'DESCRIPTION'],
    secrets.map(({ name, hasValue, version, updatedAt, description }) => [
      name,
      hasValue ? 'yes' : 'no',
      version === null ? '-' : String(version),
      told(updatedAt),
      description ?? '',
    ]),
  );
}

async function declare(call: Call): Promise<void> {
  const name = call.argument(0);
  const description = call.flags.text('description');
  const body = { kind: 'Secret' as const, name, ...(description !== undefined && { description }) };
  const secret = await call.api.post(SECRETS, { path: call.place, body });
  if (call.json) return printJson(secret);
  say(`Declared ${name} in ${call.placeName}. It has no value yet: coffer set ${name}`);
}

async function describe(call: Call): Promise<void> {
  const name = secretName(call);
  const description = call.flags.required('description');
  const body = { kind: 'Secret' as const, name, description: description === '' ? null : description };
  const secret = await call.api.put(SECRET, { path: { ...call.place, name }, body });
  if (call.json) return printJson(secret);
  say(`Described ${name} anew.`);
}

async function remove(call: Call): Promise<void> {
  const name = secretName(call);
  const path = { ...call.place, name };
  if (!(await confirmed(call, `Delete the secret ${name} in ${call.placeName}?`))) return;
  const deleted = await call.api.delete(SECRET, { path });
  if (call.json) return printJson(deleted);
  say(`Deleted ${name}. For a while it can be had back: coffer restore ${name}`);
}

async function restore(call: Call): Promise<void> {
  const name = secretName(call);
  const secret = await call.api.post(`${SECRET}/restore`, { path: { ...call.place, name } });
  if (call.json) return printJson(secret);
  say(
    `Restored ${name}${secret.version === null ? ', which has no value' : `, at version ${String(secret.version)}`}.`,
  );
}

async function history(call: Call): Promise<void> {
  const name = secretName(call);
  const versions = await call.api.all(`${SECRET}/versions`, { path: { ...call.place, name } });
  if (call.json) return printJson(versions);
  if (versions.length === 0) {
    say(`${name} has no value yet.`);
    return;
  }
  await printTable(
    ['VERSION', 'SET', 'BY', ''],
    versions.map(({ version, createdAt, createdBy, current }) => [
      String(version),
      told(createdAt),
      createdBy.type === 'user' ? (createdBy.name ?? '') : `${createdBy.name ?? ''} (${createdBy.type})`,
      current ? 'current' : '',
    ]),
  );
}

async function rollback(call: Call): Promise<void> {
  const name = secretName(call);
  const version = Number(call.flags.required('to'));
  const set = await call.api.post(`${SECRET}/rollback`, { path: { ...call.place, name }, body: { version } });
  if (call.json) return printJson(set);
  say(`${name} has the value of version ${String(version)} again, as version ${String(set.version)}.`);
}

async function check(call: Call): Promise<void> {
  const readiness = await call.api.get('/{o}/{p}/envs/{envName}/readiness', { path: call.place });
  if (!readiness.ready) call.exitCode = EXIT.valueMissing;
  if (call.json) return printJson(readiness);
  if (readiness.ready) {
    say(`Every secret of ${call.placeName} has a value (${String(readiness.declared)}).`);
    return;
  }
  await print(readiness.missing.map((name) => `${printable(name)}\n`).join(''));
  say(
    `Without a value in ${call.placeName}: ${String(readiness.missing.length)} of ${String(readiness.declared)}. Set each: coffer set NAME`,
  );
}
