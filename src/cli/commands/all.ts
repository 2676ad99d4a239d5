import type { CommandSpec, GroupSpec } from '../command.js';
import { accountCommands } from './account.js';
import { runCommands } from './run.js';
import { secretCommands } from './secrets.js';
import { valueCommands } from './values.js';

/** Every command, in the order in which the help lists them. */
export const COMMANDS: readonly (CommandSpec | GroupSpec)[] = [
  ...accountCommands,
  ...secretCommands,
  ...valueCommands,
  ...runCommands,
];
