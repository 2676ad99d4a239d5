import type { CommandSpec, FlagSpec } from './command.js';

// The options about where and who, which many commands have in common.

export const DEFAULT_TIMEOUT_SECONDS = 15;

export const SERVER: FlagSpec = [
  '--server <url>',
  'the service to talk to (COFFER_SERVER, the saved login, http://127.0.0.1:8080)',
];
export const TOKEN_FILE: FlagSpec = [
  '--token-file <file>',
  'the file that holds the token (COFFER_TOKEN, the saved login)',
];
export const ENVIRONMENT: FlagSpec = [
  '--env <org/project/env>',
  'the environment (COFFER_ENV, the nearest .coffer.json)',
];
export const TIMEOUT: FlagSpec = [
  '--timeout <seconds>',
  `how long the service may be silent (default ${String(DEFAULT_TIMEOUT_SECONDS)})`,
  'number',
];
export const JSON_OUTPUT: FlagSpec = ['--json', 'write JSON to stdout'];

/** Those that stand before a command's name. */
export const PROGRAM_FLAGS: readonly FlagSpec[] = [ENVIRONMENT, SERVER, TOKEN_FILE, TIMEOUT, JSON_OUTPUT];

const WHERE = {
  environment: [ENVIRONMENT, SERVER, TOKEN_FILE, TIMEOUT],
  server: [SERVER, TOKEN_FILE, TIMEOUT],
  address: [SERVER, TIMEOUT],
  nobody: [],
} as const satisfies Record<CommandSpec['asks'], readonly FlagSpec[]>;

/** Those that a command takes. A flag of its own with the same name goes before. */
export function sharedFlags(spec: CommandSpec): FlagSpec[] {
  const taken = new Set((spec.flags ?? []).map(([flags]) => longName(flags)));
  return [...(spec.json === true ? [JSON_OUTPUT] : []), ...WHERE[spec.asks]].filter(
    ([flags]) => !taken.has(longName(flags)),
  );
}

export function flagsOf(spec: CommandSpec): FlagSpec[] {
  return [...(spec.flags ?? []), ...sharedFlags(spec)];
}

/** `-o, --output <file>` → `--output`. */
export function longName(flags: string): string | undefined {
  return /--[a-z-]+/.exec(flags)?.[0];
}

/** `-o, --output <file>` → `-o`. */
export function shortName(flags: string): string | undefined {
  return /^-[a-zA-Z]\b/.exec(flags)?.[0];
}

export function takesValue([flags]: FlagSpec): boolean {
  return flags.includes('<');
}
