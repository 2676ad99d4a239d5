import type { CommandSpec, GroupSpec } from '../command.js';
import { accountCommands } from './account.js';
import { personalCommands } from './personal.js';
import { runCommands } from './run.js';
import { secretCommands } from './secrets.js';
import { transferCommands } from './transfer.js';
import { valueCommands } from './values.js';

/** Every command, in the order in which the help lists them. */
export const COMMANDS: readonly (CommandSpec | GroupSpec)[] = [
  ...accountCommands,
  ...secretCommands,
  ...valueCommands,
  ...transferCommands,
  ...runCommands,
  personalCommands,
];
