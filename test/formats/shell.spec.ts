import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { write } from '../../src/formats/format.js';
import { HARD_VALUES, someValues } from './hard-values.js';
import { readWithShell, SHELLS } from './readers/shells.js';

// Some of these belong to one shell only; a writer does not know which one will read.
const KEPT_BY_SHELLS =
  `_ UID EUID PPID BASHPID RANDOM SRANDOM SECONDS EPOCHSECONDS EPOCHREALTIME LINENO GROUPS FUNCNAME
  DIRSTACK HISTCMD OPTIND SHLVL BASH_ARGC BASH_ARGV BASH_CMDS BASH_ALIASES BASH_COMMAND BASH_LINENO BASH_SOURCE
  BASH_SUBSHELL BASH_VERSINFO PIPESTATUS PS1 MAILPATH USERNAME`.split(/\s+/);

// Variables that the manual of a shell describes and that are data all the same.
const PLAIN =
  `BASH OPTARG OPTERR COMP_WORDS COPROC EMACS FCEDIT FIGNORE HISTFILE HISTFILESIZE HOSTNAME HOSTTYPE IGNOREEOF
  INPUTRC LANG LC_MESSAGES MACHTYPE MAIL MAPFILE OLDPWD OSTYPE POSIXLY_CORRECT REPLY TIMEFORMAT TZ TERM
  CDPATH ENV LOGNAME NODE_ENV GITHUB_TOKEN`.split(/\s+/);

describe.each(SHELLS)('shell, evaluated by %s', (shell) => {
  // The largest values make a file of their own, because a process has only so much room for its environment.
  const hard = Object.values(HARD_VALUES);
  const small = hard.filter((value) => value.length < 60_000);
  const large = hard.filter((value) => value.length >= 60_000);

  it.each(['C', 'C.UTF-8'])(
    'gives back every hard value and sets nothing else, in the locale %s',
    (locale) => {
      for (const values of [small, large]) expectRoundTrip(shell, values, locale);
    },
  );

  it('gives back thousands of generated values and sets nothing else', () => {
    expectRoundTrip(shell, someValues(3_000), 'C.UTF-8');
    expectRoundTrip(shell, someValues(1_000), 'C');
  });

  it('reads every variable that is not refused, and runs nothing that a value says', () => {
    const folder = mkdtempSync(join(tmpdir(), 'coffer-canary-'));
    try {
      const canary = join(folder, 'ran');
      const value = `a[$(: >${canary})]`;
      const names = [...KEPT_BY_SHELLS, ...PLAIN].filter((name) => 'text' in shellText([{ name, value }]));
      const text = textOf(names.map((name) => ({ name, value })));
      const read = readWithShell(shell, text, 'C');
      for (const name of names) expect([name, read.get(name)]).toEqual([name, value]);
      expect(existsSync(canary)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a variable that a shell keeps for itself', () => {
  it.each(KEPT_BY_SHELLS)('%s is refused by name, however harmless its value', (name) => {
    expect(
      shellText([
        { name: 'A', value: '1' },
        { name: name.toLowerCase(), value: '1' },
      ]),
    ).toEqual({
      unrepresentable: [{ name: name.toLowerCase(), reason: expect.stringContaining(name) }],
    });
  });

  it.each(PLAIN)('%s is none and is written', (name) => {
    expect(shellText([{ name, value: '1' }])).toEqual({ text: `export ${name}='1'\n` });
  });
});

function expectRoundTrip(shell: string, values: readonly string[], locale: string): void {
  const entries = values.map((value, index) => ({ name: `V${index}`, value }));
  const read = readWithShell(shell, textOf(entries), locale);
  for (const name of ownVariables(shell)) read.delete(name);
  expect(read.size).toBe(entries.length);
  for (const { name, value } of entries) expect(read.get(name)).toBe(value);
}

const own = new Map<string, readonly string[]>();

/** What a shell puts into every environment by itself. */
function ownVariables(shell: string): readonly string[] {
  const names = own.get(shell) ?? [...readWithShell(shell, '', 'C').keys()];
  own.set(shell, names);
  return names;
}

function shellText(entries: readonly { name: string; value: string }[]): ReturnType<typeof write> {
  return write('shell', entries, { secret: { name: 'web-prod' } });
}

function textOf(entries: readonly { name: string; value: string }[]): string {
  const written = shellText(entries);
  if ('unrepresentable' in written) throw new Error('refused');
  return written.text;
}
