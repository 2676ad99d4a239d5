import type { CommandSpec, FlagSpec, GroupSpec } from './command.js';
import { flagsOf, longName, PROGRAM_FLAGS, shortName, takesValue } from './shared-flags.js';

// Completion of commands and flags, written out of the commands' descriptions. It asks no server. Where there is nothing
// to choose from, the shell completes the names of files, as it does by itself.

type Commands = readonly (CommandSpec | GroupSpec)[];

export const SHELLS: Readonly<Record<string, (commands: Commands) => string>> = { bash, zsh, fish };

/** What can be typed after some words: `''` at the start, `org`, `org list`. */
type Place = Readonly<{ words: string; choices: readonly Choice[]; flags: readonly FlagSpec[] }>;
type Choice = Readonly<{ word: string; about: string }>;

function places(commands: Commands): Place[] {
  const top = commands.map(choiceOf);
  const help = { word: 'help', about: 'show the help of a command' };
  return [
    { words: '', choices: [...top, help], flags: PROGRAM_FLAGS },
    { words: 'help', choices: top, flags: [] },
    ...commands.flatMap((each) =>
      'commands' in each
        ? [
            { words: each.name, choices: each.commands.map(choiceOf), flags: [] },
            ...each.commands.flatMap((command) => placesOf(`${each.name} `, command)),
          ]
        : placesOf('', each),
    ),
  ];
}

/** A command has a place under each of its names. */
function placesOf(group: string, spec: CommandSpec): Place[] {
  const choices = (spec.choices ?? []).map((word) => ({ word, about: '' }));
  return [nameOf(spec), ...(spec.aliases ?? [])].map((name) => ({
    words: group + name,
    choices,
    flags: flagsOf(spec),
  }));
}

function choiceOf(each: CommandSpec | GroupSpec): Choice {
  return { word: nameOf(each), about: each.summary };
}

function nameOf(each: CommandSpec | GroupSpec): string {
  return 'name' in each ? each.name : (each.usage.split(' ')[0] ?? '');
}

function groupNames(commands: Commands): string[] {
  return commands.filter((each) => 'commands' in each).map(nameOf);
}

/** The flags after which a value is typed. */
function valuedFlags(commands: Commands): string[] {
  const all = commands.flatMap((each) => ('commands' in each ? each.commands : [each])).flatMap(flagsOf);
  const valued = [...PROGRAM_FLAGS, ...all].filter(takesValue);
  return [
    ...new Set(valued.flatMap(([flags]) => [shortName(flags) ?? [], longName(flags) ?? []].flat())),
  ].sort();
}

/**
 * The shell code that finds out which place the words before the cursor lead to; the same for bash and zsh. Bash takes
 * `--env=x` and addresses apart at `=` and `:`.
 */
function findPlace(commands: Commands, wordAt: string, end: string): string {
  return `  local place='' word skip='' i
  for ((i = 1; i < ${end}; i++)); do
    word=${wordAt}
    case $word in '=' | ':') skip=yes; continue ;; esac
    if [[ -n $skip ]]; then skip=''; continue; fi
    case $word in
      --) skip=yes; break ;;
      ${valuedFlags(commands).join('|')}) skip=yes ;;
      -*) ;;
      *)
        case $place in
          '') place=$word ;;
          ${groupNames(commands).join('|')}) place="$place $word" ;;
        esac ;;
    esac
  done
`;
}

function bash(commands: Commands): string {
  const cases = places(commands).map(({ words, choices, flags }) => {
    const names = flags.map(([text]) => longName(text) ?? '').join(' ');
    return `    '${words}') choices='${choices.map(({ word }) => word).join(' ')}' flags='${names}' ;;`;
  });
  return `# bash completion for coffer
_coffer() {
${findPlace(commands, '${COMP_WORDS[i]}', 'COMP_CWORD')}  local current=\${COMP_WORDS[COMP_CWORD]} choices='' flags=''
  COMPREPLY=()
  [[ -n $skip || $current == '=' ]] && return
  case $place in
${cases.join('\n')}
  esac
  [[ $current == -* ]] && choices=$flags
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
}
complete -o default -F _coffer coffer
`;
}

function zsh(commands: Commands): string {
  const cases = places(commands).map(({ words, choices, flags }) => {
    const options = flags.map(([text, about]) => described({ word: longName(text) ?? '', about }));
    return `    '${words}') choices=(${choices.map(described).join(' ')}) flags=(${options.join(' ')}) ;;`;
  });
  return `#compdef coffer
_coffer() {
${findPlace(commands, '${words[i+1]}', 'CURRENT - 1')}  local -a choices flags
  if [[ -n $skip ]]; then _files; return; fi
  case $place in
${cases.join('\n')}
  esac
  [[ \${words[CURRENT]} == -* ]] && choices=("\${flags[@]}")
  if (( \${#choices} )); then _describe coffer choices; else _files; fi
}
if [[ $funcstack[1] == _coffer ]]; then _coffer "$@"; else compdef _coffer coffer; fi
`;
}

/** `word:what it is`, inside of single quotes. */
function described({ word, about }: Choice): string {
  return `'${`${word.replaceAll(':', '\\:')}:${about}`.replaceAll("'", "'\\''")}'`;
}

function fish(commands: Commands): string {
  const lines = places(commands).flatMap(({ words, choices, flags }) => {
    const here = `complete -c coffer -n '__coffer_at "${words}"'`;
    const text = (about: string): string => `-d '${about.replaceAll(/['\\]/g, '\\$&')}'`;
    return [
      ...choices.map(({ word, about }) => `${here} -f -a ${word} ${text(about)}`),
      ...flags.map((flag) => `${here} ${fishOption(flag)} ${text(flag[1])}`),
    ];
  });
  return `# fish completion for coffer
function __coffer_at
    set -l place ''
    set -l skip ''
    for word in (commandline -opc)[2..-1]
        if test -n "$skip"
            set skip ''
            continue
        end
        switch $word
            case ${valuedFlags(commands).join(' ')}
                set skip yes
            case '-*'
            case '*'
                switch "$place"
                    case ''
                        set place $word
                    case ${groupNames(commands).join(' ')}
                        set place "$place $word"
                end
        end
    end
    test "$place" = "$argv[1]"
end
${lines.join('\n')}
`;
}

/** `-s o -l output -r`: with a value, `-r`. */
function fishOption(flag: FlagSpec): string {
  const [flags] = flag;
  const short = shortName(flags);
  const names = [
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    `-l ${longName(flags)?.slice(2) ?? ''}`,
  ];
  return [...names, ...(takesValue(flag) ? ['-r'] : [])].join(' ');
}
