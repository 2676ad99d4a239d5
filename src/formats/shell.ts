import type { Lines } from './entry.js';

// Variables that a shell keeps for itself. To some it assigns what it likes, or nothing at all. From others, such as
// RANDOM and OPTIND, bash and zsh evaluate the value as arithmetic while they assign it, and `a[$(command)]` runs the
// command. The prompts and MAILPATH run it later, in an interactive shell.
const KEPT_BY_SHELLS = new Set([
  ...words(
    '_ UID EUID PPID LINENO RANDOM SRANDOM SECONDS EPOCHSECONDS EPOCHREALTIME SHLVL BASHPID OPTIND HISTCMD',
  ),
  ...words('GROUPS FUNCNAME FUNCNEST DIRSTACK PIPESTATUS PS0 PS1 PS2 PS3 MAILPATH'),
  ...words(
    'GID EGID USERNAME ARGC ERRNO TTYIDLE COLUMNS LINES HISTSIZE SAVEHIST BAUD DIRSTACKSIZE KEYTIMEOUT',
  ),
  ...words(
    'LISTMAX LOGCHECK MAILCHECK PERIOD REPORTMEMORY REPORTTIME TMOUT TRY_BLOCK_ERROR TRY_BLOCK_INTERRUPT',
  ),
  ...words('PROMPT PROMPT2 PROMPT3 PROMPT4 RPROMPT RPS1 RPS2 SPROMPT KSHUID KSHGID KSHEGID USER_ID PGRP'),
]);
const KEPT_PREFIXES = /^(?:BASH_|ZSH_)/;

/** An `export` for any POSIX shell. Carries every value; `eval` of the file runs nothing that a value says. */
export function writeShell(variable: string, value: string): Lines {
  if (KEPT_BY_SHELLS.has(variable) || KEPT_PREFIXES.test(variable)) {
    return { reason: `Shells keep the variable ${variable} for themselves.` };
  }
  return { text: `export ${variable}='${value.replaceAll("'", "'\\''")}'\n` };
}

function words(text: string): string[] {
  return text.split(' ');
}
