import { Command, Help, InvalidArgumentError, Option } from 'commander';
import { Call } from './call.js';
import type { CommandSpec, FlagSpec, GroupSpec } from './command.js';
import { COMMANDS } from './commands/all.js';
import { usage } from './failure.js';
import { Flags } from './flags.js';
import {
  DEFAULT_TIMEOUT_SECONDS,
  ENVIRONMENT,
  JSON_OUTPUT,
  PROGRAM_FLAGS,
  SERVER,
  sharedFlags,
  TIMEOUT,
  TOKEN_FILE,
} from './shared-flags.js';
import { printNow, write } from './terminal.js';
import { version } from './version.js';

// The parser, made of the commands' descriptions. Options about where and who stand before a command's name or after it.

const WHERE_AND_WHO = 'Where and who:';

/** What became of a call is handed to `done`: an exit code. */
export function createProgram(done: (exitCode: number) => void): Command {
  const program = new Command('coffer')
    .description(
      'Secrets for teams: declare what an environment needs, set values that nobody reads back, and put them into the processes that need them.',
    )
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: printNow, writeErr: write, outputError: () => undefined })
    .configureHelp({ formatHelp: helpWithExamples })
    .showSuggestionAfterError();
  for (const flag of PROGRAM_FLAGS) program.addOption(optionOf(flag, WHERE_AND_WHO));
  for (const spec of COMMANDS) {
    if ('commands' in spec) addGroup(program, spec, done);
    else addCommand(program, program, spec, done);
  }
  addHelp(program);
  EXAMPLES.set(program, [
    'coffer login',
    'coffer use acme/web/dev',
    'coffer list',
    'coffer run -- npm start',
  ]);
  return program;
}

/** The parser's own knows no command of a group. */
function addHelp(program: Command): void {
  const help = program
    .command('help [command...]')
    .description('show the help of a command')
    .helpOption('-h, --help', 'show this help')
    .action((names: string[]) => {
      let found = program;
      for (const name of names) {
        const next = found.commands.find((each) => [each.name(), ...each.aliases()].includes(name));
        if (next === undefined) throw usage(`There is no command “${names.join(' ')}”. See coffer --help.`);
        found = next;
      }
      found.outputHelp();
    });
  EXAMPLES.set(help, ['coffer help run', 'coffer help token create']);
}

function addGroup(
  program: Command,
  { name, summary, commands }: GroupSpec,
  done: (exitCode: number) => void,
): void {
  const group = program
    .command(name)
    .description(summary)
    .helpCommand(false)
    .helpOption('-h, --help', 'show this help');
  EXAMPLES.set(
    group,
    commands.flatMap(({ examples }) => examples.slice(0, 1)),
  );
  for (const spec of commands) addCommand(program, group, spec, done);
}

function addCommand(
  program: Command,
  parent: Command,
  spec: CommandSpec,
  done: (exitCode: number) => void,
): void {
  const command = parent
    .command(spec.usage)
    .summary(spec.summary)
    .description(spec.details === undefined ? spec.summary : `${spec.summary}\n\n${spec.details}`)
    .aliases([...(spec.aliases ?? [])])
    .helpOption('-h, --help', 'show this help')
    .passThroughOptions(spec.passesThrough === true);
  EXAMPLES.set(command, spec.examples);
  for (const flag of spec.flags ?? []) command.addOption(optionOf(flag));
  const shared = sharedFlags(spec);
  for (const flag of shared)
    command.addOption(optionOf(flag, flag === JSON_OUTPUT ? undefined : WHERE_AND_WHO));
  command.action(async () => {
    const own = new Flags(command.opts());
    const call = callOf(command.args, own, new Flags(program.opts()), new Set(shared));
    try {
      await spec.run(call);
      done(call.exitCode);
    } catch (error) {
      throw call.explained(error);
    } finally {
      call.close();
    }
  });
}

/** What stands after the command's name is nearer than what stands before it. A command's own flag of the same name is its own. */
function callOf(
  operands: readonly string[],
  own: Flags,
  ofProgram: Flags,
  shared: ReadonlySet<FlagSpec>,
): Call {
  const text = (flag: FlagSpec, name: string): string | undefined =>
    (shared.has(flag) ? own.text(name) : undefined) ?? ofProgram.text(name);
  const timeout = text(TIMEOUT, 'timeout');
  const given = {
    server: text(SERVER, 'server'),
    tokenFile: text(TOKEN_FILE, 'tokenFile'),
    env: text(ENVIRONMENT, 'env'),
    timeoutSeconds: timeout === undefined ? DEFAULT_TIMEOUT_SECONDS : Number(timeout),
  };
  return new Call(operands, own, given, own.isSet('json') || ofProgram.isSet('json'));
}

function optionOf([flags, description, kind]: FlagSpec, group?: string): Option {
  const option = new Option(flags, description);
  if (group !== undefined) option.helpGroup(group);
  if (kind === 'required' || kind === 'required-number') option.makeOptionMandatory();
  if (kind === 'repeatable') option.argParser(collected);
  if (kind === 'number' || kind === 'required-number') option.argParser(wholeNumberFrom(1));
  if (kind === 'count') option.argParser(wholeNumberFrom(0));
  return option;
}

function collected(value: string, before: unknown): unknown[] {
  return [...(Array.isArray(before) ? (before as unknown[]) : []), value];
}

function wholeNumberFrom(least: number) {
  return (text: string): string => {
    if (/^\d{1,9}$/.test(text) && Number(text) >= least) return text;
    throw new InvalidArgumentError(`It must be a whole number from ${String(least)} on.`);
  };
}

const EXAMPLES = new WeakMap<Command, readonly string[]>();

function helpWithExamples(command: Command, help: Help): string {
  const examples = EXAMPLES.get(command);
  const text = Help.prototype.formatHelp.call(help, command, help);
  if (examples === undefined) return text;
  return `${text}\nExamples:\n${examples.map((example) => `  ${example.replaceAll('\n', '\n  ')}\n`).join('')}`;
}
