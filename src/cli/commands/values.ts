import { isatty } from 'node:tty';
import { LARGEST_VALUE } from '../../formats/value.js';
import type { Call } from '../call.js';
import type { CommandSpec } from '../command.js';
import { usage } from '../failure.js';
import { readNamedFile } from '../files.js';
import { isInteractive, readStdin, stdinHasData, valueFrom, warnOfNewline } from '../stdin.js';
import { print, printJson, say } from '../terminal.js';
import { secretName } from './secrets.js';

// One value in, one value out. A value is never an argument: arguments are seen by every user of the machine.

const VALUE = '/{o}/{p}/envs/{envName}/secrets/{name}/value';

export const valueCommands: readonly CommandSpec[] = [
  {
    usage: 'set <name>',
    summary: 'set the value of a declared secret',
    details:
      'The value comes from stdin, from a file, or from a prompt that does not show it; never from an argument. It is kept byte for byte.',
    flags: [
      ['--from-file <file>', 'take the value from a file'],
      ['--allow-empty', 'let an empty stdin set the empty value'],
      [
        '--if-version <n>',
        'only if this is the version of the present value; 0: only if there is none',
        'count',
      ],
    ],
    asks: 'environment',
    json: true,
    examples: [
      'coffer set API_KEY',
      "pwgen -s 40 1 | tr -d '\\n' | coffer set DB_PASSWORD",
      'coffer set TLS_KEY --from-file ./tls.key',
    ],
    run: set,
  },
  {
    usage: 'get <name>',
    summary: 'write a value to stdout, exactly',
    details: 'Needs the permission secrets:get-value, and is on record. On a terminal it needs --show.',
    flags: [
      ['--show', 'write it to a terminal too'],
      ['--at <version>', 'the value of an earlier version', 'number'],
    ],
    asks: 'environment',
    json: true,
    examples: ['coffer get API_KEY > api.key', 'coffer get API_KEY --show'],
    run: get,
  },
];

async function set(call: Call): Promise<void> {
  const path = { ...call.place, name: secretName(call) };
  const { api } = call;
  const value = await valueToSet(call, path.name);
  const ifVersion = call.flags.text('ifVersion');
  const body = { value, ...(ifVersion !== undefined && { ifVersion: Number(ifVersion) }) };
  const answer = await api.put(VALUE, { path, body });
  if (call.json) return printJson(answer);
  say(`Set ${path.name} in ${call.placeName}, version ${String(answer.version)}.`);
}

async function valueToSet(call: Call, name: string): Promise<string> {
  const file = call.flags.text('fromFile');
  if (file !== undefined) {
    if (await stdinHasData()) {
      throw usage(
        'There are two values: --from-file, and something on stdin. Give one of them (</dev/null closes stdin).',
      );
    }
    return valueFrom(readNamedFile(file, LARGEST_VALUE));
  }
  const value = isInteractive() ? await asked(name) : valueFrom(await readStdin(`the value of ${name}`));
  if (value === '' && !call.flags.isSet('allowEmpty')) {
    throw usage(
      `There is no value: stdin is empty. If ${name} is to have the empty value, say --allow-empty.`,
    );
  }
  if (!isInteractive()) warnOfNewline(value);
  return value;
}

async function asked(name: string): Promise<string> {
  const { askHidden } = await import('../hidden.js');
  return askHidden(`Value of ${name}: `);
}

async function get(call: Call): Promise<void> {
  const name = secretName(call);
  if (isatty(1) && !call.flags.isSet('show')) {
    throw usage(
      `The value of ${name} would be shown on the terminal. Send it to a file or a program, or say --show.`,
    );
  }
  const version = call.flags.text('at');
  const query = { version: version === undefined ? undefined : Number(version) };
  const answer = await call.api.get(VALUE, { path: { ...call.place, name }, query });
  await (call.json ? printJson(answer) : print(answer.value));
}
