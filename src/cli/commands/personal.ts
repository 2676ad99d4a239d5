import type { View } from '../api-client.js';
import type { Call } from '../call.js';
import type { CommandSpec, FlagSpec, GroupSpec } from '../command.js';
import { confirmed } from '../confirm.js';
import { usage } from '../failure.js';
import { isInteractive, readStdin, stdinHasData, valueFrom, warnOfNewline } from '../stdin.js';
import { printTable } from '../table.js';
import { print, printable, printJson, say } from '../terminal.js';
import { told } from '../times.js';

// One's own secrets, which `coffer run` puts into variables and files. No command shows a value.

const SECRETS = '/api/v2/users/{user}/secrets';
const SECRET = '/api/v2/users/{user}/secrets/{name}';
const ME = { user: 'me' };

const FLAGS: readonly FlagSpec[] = [
  ['--description <text>', 'what it is for'],
  ['--env <name>', 'the environment variable that a program gets it in'],
  ['--file <path>', 'the file that a program finds it in; it begins with ~/ or /'],
  ['--value <value>', 'the value; it can be seen in the shell’s history and among the processes'],
];

const VALUE_FROM_STDIN =
  'The value is best given on stdin, through a pipe or from a file: --value shows up in the shell’s history and in the list of processes. What is on stdin is kept byte for byte, a newline at its end too.';

export const personalCommands: GroupSpec = {
  name: 'secret',
  summary: 'personal secrets: create, update, list, delete',
  commands: [
    {
      usage: 'create <name>',
      summary: 'create a personal secret',
      details: VALUE_FROM_STDIN,
      flags: FLAGS,
      asks: 'server',
      json: true,
      examples: [
        'echo -n "$API_KEY" | coffer secret create api-key --env API_KEY',
        'coffer secret create tool-config --file "~/.config/tool/config.json" < ./tool-config.json',
      ],
      run: create,
    },
    {
      usage: 'update <name>',
      summary: 'change a personal secret: its value, its targets or its description',
      details: `At least one of the flags or a value on stdin is needed; "" takes a target or the description away.\n\n${VALUE_FROM_STDIN}`,
      flags: FLAGS,
      asks: 'server',
      json: true,
      examples: [
        'echo -n "$NEW_API_KEY" | coffer secret update api-key',
        'coffer secret update api-key --env NEW_API_KEY',
        'coffer secret update api-key --file ""',
      ],
      run: update,
    },
    {
      usage: 'list [name]',
      aliases: ['ls'],
      summary: 'list personal secrets, or show one; never a value',
      flags: [['-o, --output <format>', 'table or json']],
      asks: 'server',
      json: true,
      examples: ['coffer secret list', 'coffer secret list api-key --output json'],
      run: list,
    },
    {
      usage: 'delete <name>',
      aliases: ['rm', 'remove'],
      summary: 'delete a personal secret',
      details: 'What a running program has, and files that were written, stay as they are.',
      flags: [['--yes', 'do not ask']],
      asks: 'server',
      json: true,
      examples: ['coffer secret delete api-key', 'coffer secret rm api-key --yes'],
      run: remove,
    },
  ] satisfies CommandSpec[],
};

async function create(call: Call): Promise<void> {
  const name = call.argument(0);
  const value = await givenValue(call);
  if (value === null) {
    throw usage(`There is no value for ${name}: give it on stdin, or with --value.`);
  }
  const body = { name, value, ...fieldsOf(call) };
  const secret = await call.api.post(SECRETS, { path: ME, body });
  if (call.json) return printJson(secret);
  await print(`Created secret ${printable(name)}.\n`);
}

async function update(call: Call): Promise<void> {
  const name = call.argument(0);
  const value = await givenValue(call);
  const body = { ...(value !== null && { value }), ...fieldsOf(call) };
  if (Object.keys(body).length === 0) {
    throw usage(
      'There is nothing to change: give --value, --description, --env or --file, or a value on stdin.',
    );
  }
  const secret = await call.api.patch(SECRET, { path: { ...ME, name }, body });
  if (call.json) return printJson(secret);
  await print(`Updated secret ${printable(name)}.\n`);
}

async function list(call: Call): Promise<void> {
  const isJson = call.json || outputOf(call) === 'json';
  const secrets = await found(call);
  if (isJson) return printJson(secrets);
  if (secrets.length === 0) {
    say('No secrets found.');
    return;
  }
  await printTable(
    ['NAME', 'CREATED', 'UPDATED', 'ENV', 'FILE', 'DESCRIPTION'],
    secrets.map(({ name, created_at, updated_at, env_name, file_path, description }) => [
      name,
      told(created_at),
      told(updated_at),
      env_name,
      file_path,
      description,
    ]),
  );
}

async function found(call: Call): Promise<View<'CoderSecretView'>[]> {
  if (call.optional(0) === undefined) return call.api.get(SECRETS, { path: ME });
  return [await call.api.get(SECRET, { path: { ...ME, name: call.argument(0) } })];
}

async function remove(call: Call): Promise<void> {
  const name = call.argument(0);
  if (!(await confirmed(call, `Delete the personal secret ${name}?`))) return;
  await call.api.delete(SECRET, { path: { ...ME, name } });
  if (call.json) return printJson({ deleted: true, name });
  await print(`Deleted secret ${printable(name)}.\n`);
}

/** `--value` or stdin, not both; null for neither. An empty stdin is what a program without input has, and no value. */
async function givenValue(call: Call): Promise<string | null> {
  const value = call.flags.text('value');
  if (value !== undefined) {
    if (await stdinHasData())
      throw usage('There are two values: --value, and something on stdin. Give one of them.');
    return valueFrom(Buffer.from(value, 'utf8'));
  }
  if (isInteractive()) return null;
  const bytes = await readStdin('the value, or the end of input,');
  if (bytes.length === 0) return null;
  const text = valueFrom(bytes);
  warnOfNewline(text);
  return text;
}

function fieldsOf(call: Call): { description?: string; env_name?: string; file_path?: string } {
  const description = call.flags.text('description');
  const variable = call.flags.text('env');
  const path = call.flags.text('file');
  return {
    ...(description !== undefined && { description }),
    ...(variable !== undefined && { env_name: variable }),
    ...(path !== undefined && { file_path: path }),
  };
}

function outputOf(call: Call): 'table' | 'json' {
  const output = call.flags.text('output') ?? 'table';
  if (output === 'table' || output === 'json') return output;
  throw usage(`--output is table or json, not “${output}”.`);
}
