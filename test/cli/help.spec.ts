import type { Command } from 'commander';
import type { CommandSpec } from '../../src/cli/command.js';
import { COMMANDS } from '../../src/cli/commands/all.js';
import { createProgram } from '../../src/cli/program.js';
import { Coffer } from './support/coffer.js';

type Named = Readonly<{ path: string; spec: CommandSpec }>;

const nameOf = ({ usage }: CommandSpec): string => usage.split(' ')[0] ?? '';

const all: readonly Named[] = COMMANDS.flatMap((each) =>
  'commands' in each
    ? each.commands.map((spec) => ({ path: `${each.name} ${nameOf(spec)}`, spec }))
    : [{ path: nameOf(each), spec: each }],
);

/** The words after `coffer` in a line of a shell, up to what the shell does with its output. */
function wordsIn(example: string): string[] {
  const own = /(?<![\w/])coffer ((?:"[^"]*"|'[^']*'|\\\n|[^|<>&)])*)/.exec(example)?.[1] ?? '';
  const words = own.replaceAll('\\\n', ' ').match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replaceAll(/["']/g, ''));
}

/** Why the parser would not take these words; null when it would. */
function complaint(words: readonly string[]): string | null {
  let command: Command = createProgram(() => undefined);
  let rest = [...words];
  while (command.commands.length > 0) {
    const [name = '', ...others] = rest;
    const next = command.commands.find((each) => [each.name(), ...each.aliases()].includes(name));
    if (next === undefined) return `there is no ${name}`;
    [command, rest] = [next, others];
  }
  const { operands, unknown } = command.parseOptions(rest);
  const { registeredArguments: wanted } = command;
  const least = wanted.filter(({ required }) => required).length;
  const most = wanted.some(({ variadic }) => variadic) ? Number.POSITIVE_INFINITY : wanted.length;
  const found = command.name() === 'run' ? [...operands, ...unknown] : operands;
  if (unknown.length > 0 && command.name() !== 'run') return `${unknown.join(' ')} is unknown`;
  if (found.length < least || found.length > most)
    return `${String(found.length)} operands are too few or many`;
  const missing = command.options.filter(
    (option) => option.mandatory && command.getOptionValue(option.attributeName()) === undefined,
  );
  return missing.length === 0 ? null : `${missing.map(({ flags }) => flags).join(' ')} is missing`;
}

describe('the help of the command', () => {
  it.each(all)('of $path says what it does, with an example that the parser takes', ({ path, spec }) => {
    expect(spec.summary.length).toBeGreaterThan(10);
    expect(spec.examples.length).toBeGreaterThan(0);
    for (const example of spec.examples) {
      expect(example).toContain(`coffer ${path.split(' ')[0] ?? ''}`);
      expect([example, complaint(wordsIn(example))]).toEqual([example, null]);
    }
  });

  it('of the program, of its help and of every group has an example that the parser takes', async () => {
    const groups = COMMANDS.flatMap((each) => ('commands' in each ? [[each.name, '--help']] : []));
    const coffer = new Coffer();
    try {
      for (const args of [['--help'], ['help', '--help'], ...groups]) {
        const examples = /\nExamples:\n([\s\S]*)$/.exec((await coffer.run(args)).stdout)?.[1] ?? '';
        const found = examples.match(/^ {2}coffer (?:.*\\\n)*.*$/gm) ?? [];
        expect([args, found.length > 0]).toEqual([args, true]);
        for (const example of found) expect([example, complaint(wordsIn(example))]).toEqual([example, null]);
      }
    } finally {
      coffer.close();
    }
  });

  it('finds an example that the parser would not take', () => {
    expect(complaint(wordsIn('coffer list --nonsense'))).toMatch(/unknown/);
    expect(complaint(wordsIn('coffer set'))).toMatch(/operands/);
    expect(complaint(wordsIn('coffer rollback KEY'))).toMatch(/missing/);
    expect(complaint(wordsIn('x | coffer nonsense'))).toMatch(/there is no/);
  });

  it('goes to stdout when it is asked for, and to stderr with exit code 64 when something is missing', async () => {
    const coffer = new Coffer();
    try {
      for (const args of [
        ['--help'],
        ['help'],
        ['help', 'set'],
        ['help', 'secret', 'rm'],
        ['org', 'list', '--help'],
      ]) {
        expect(await coffer.run(args)).toMatchObject({
          code: 0,
          stderr: '',
          stdout: expect.stringContaining('Usage'),
        });
      }
      expect((await coffer.run(['help', 'secret', 'rm'])).stdout).toContain('coffer secret delete api-key');
      expect(await coffer.run(['help', 'secret', 'nonsense'])).toMatchObject({ code: 64, stdout: '' });
      expect(await coffer.run(['org'])).toMatchObject({ code: 64, stdout: '' });
      const mistyped = await coffer.run(['lsit', '--token=canary']);
      expect(mistyped).toMatchObject({ code: 64, stderr: expect.stringContaining('list') });
      expect(mistyped.stderr).not.toContain('canary');
    } finally {
      coffer.close();
    }
  });
});
