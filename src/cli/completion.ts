import type { CommandSpec, GroupSpec } from './command.js';
import { flagsOf, longName, PROGRAM_FLAGS } from './shared-flags.js';

// Completion of commands and flags, written out of the commands' descriptions. It asks no server.

type Commands = readonly (CommandSpec | GroupSpec)[];

export const SHELLS: Readonly<Record<string, (commands: Commands) => string>> = { bash, zsh, fish };

/** What can be typed after some words: `''` at the start, `org`, `org list`. */
type Place = Readonly<{ words: string; choices: readonly Choice[] }>;
type Choice = Readonly<{ word: string; about: string }>;

function places(commands: Commands): Place[] {
  const top = commands.map((each) => ({ word: nameOf(each), about: each.summary }));
  const first = { words: '', choices: [...top, ...PROGRAM_FLAGS.map(choiceOf)] };
  const rest = commands.flatMap((each) => {
    if (!('commands' in each)) return [placeOf(nameOf(each), each)];
    const names = each.commands.map((command) => ({ word: nameOf(command), about: command.summary }));
    const own = each.commands.map((command) => placeOf(`${each.name} ${nameOf(command)}`, command));
    return [{ words: each.name, choices: names }, ...own];
  });
  return [first, ...rest];
}

function placeOf(words: string, spec: CommandSpec): Place {
  return { words, choices: flagsOf(spec).map(choiceOf) };
}

function choiceOf([flags, about]: readonly [string, string, ...unknown[]]): Choice {
  return { word: longName(flags) ?? '', about };
}

function nameOf(each: Readonly<{ name: string }> | CommandSpec): string {
  return 'name' in each ? each.name : (each.usage.split(' ')[0] ?? '');
}

/** The flags after which a value is typed. */
function valuedFlags(commands: Commands): string[] {
  const all = commands.flatMap((each) => ('commands' in each ? each.commands : [each])).flatMap(flagsOf);
  const valued = [...PROGRAM_FLAGS, ...all].filter(([flags]) => flags.includes('<'));
  return [...new Set(valued.map(([flags]) => longName(flags) ?? ''))].sort();
}

/** The shell code that finds out which place the words before the cursor lead to; the same for bash and zsh. */
function findPlace(commands: Commands, wordAt: string, end: string): string {
  return `  local place='' word skip='' i
  for ((i = 1; i < ${end}; i++)); do
    word=${wordAt}
    if [[ -n $skip ]]; then skip=''; continue; fi
    case $word in
      ${valuedFlags(commands).join('|')}) skip=yes ;;
      -*) ;;
      *)
        case $place in
          '') place=$word ;;
          ${commands
            .filter((each) => 'commands' in each)
            .map(nameOf)
            .join('|')}) place="$place $word" ;;
        esac ;;
    esac
  done
`;
}

function bash(commands: Commands): string {
  const cases = places(commands).map(
    ({ words, choices }) => `    '${words}') choices='${choices.map(({ word }) => word).join(' ')}' ;;`,
  );
  return `# bash completion for coffer
_coffer() {
${findPlace(commands, '${COMP_WORDS[i]}', 'COMP_CWORD')}  local choices=''
  case $place in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$choices" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _coffer coffer
`;
}

function zsh(commands: Commands): string {
  const cases = places(commands).map(({ words, choices }) => {
    const described = choices.map(
      ({ word, about }) => `'${quoted(`${word.replaceAll(':', '\\:')}:${about}`)}'`,
    );
    return `    '${words}') choices=(${described.join(' ')}) ;;`;
  });
  return `#compdef coffer
_coffer() {
${findPlace(commands, '${words[i+1]}', 'CURRENT - 1')}  local -a choices
  case $place in
${cases.join('\n')}
  esac
  _describe 'coffer' choices || _files
}
if [[ $funcstack[1] == _coffer ]]; then _coffer "$@"; else compdef _coffer coffer; fi
`;
}

function fish(commands: Commands): string {
  const lines = places(commands).flatMap(({ words, choices }) => {
    const [first, second] = words.split(' ');
    const seen = second === undefined ? first : `${first ?? ''}; and __fish_seen_subcommand_from ${second}`;
    const when = words === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${seen ?? ''}`;
    return choices.map(({ word, about }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      return `complete -c coffer -n '${when}' ${what} -d '${about.replaceAll("'", "\\'")}'`;
    });
  });
  return `# fish completion for coffer\n${lines.join('\n')}\n`;
}

/** Inside of single quotes. */
function quoted(text: string): string {
  return text.replaceAll("'", "'\\''");
}
