import type { Call } from './call.js';

/** `number` is a whole one from 1 on, `count` one from 0 on; `repeatable` may be given again and again. */
type FlagKind = 'repeatable' | 'required' | 'number' | 'required-number' | 'count';

/** One flag: its name and placeholder, what it does, and what is special about it. */
export type FlagSpec = readonly [flags: string, description: string, kind?: FlagKind];

/** A command as data: the parser, its help and `docs/cli.md` are made of it. */
export type CommandSpec = Readonly<{
  /** The name and the operands, such as `set <name>`. */
  usage: string;
  aliases?: readonly string[];
  /** What the first operand can be, for completion. */
  choices?: readonly string[];
  summary: string;
  /** What `--help` says below the summary. */
  details?: string;
  flags?: readonly FlagSpec[];
  /** Which of the options about where and who it takes. */
  asks: 'environment' | 'server' | 'address' | 'nobody';
  /** It has data for programs: `--json`. */
  json?: true;
  /** Options after the first operand belong to the operands. */
  passesThrough?: true;
  examples: readonly string[];
  run: (call: Call) => Promise<void>;
}>;

export type GroupSpec = Readonly<{ name: string; summary: string; commands: readonly CommandSpec[] }>;
