import type { CommandSpec, GroupSpec } from '../command.js';
import { accountCommands } from './account.js';
import { adminCommands } from './admin.js';
import { auditCommands } from './audit.js';
import { completionCommand } from './completion.js';
import { memberCommands, roleCommands } from './members.js';
import { personalCommands } from './personal.js';
import { runCommands } from './run.js';
import { secretCommands } from './secrets.js';
import { environmentCommands, orgCommands, projectCommands } from './tenancy.js';
import { tokenCommands } from './tokens.js';
import { transferCommands } from './transfer.js';
import { trustCommands } from './trusts.js';
import { valueCommands } from './values.js';

/** Every command, in the order in which the help lists them. */
export const COMMANDS: readonly (CommandSpec | GroupSpec)[] = [
  ...accountCommands,
  ...secretCommands,
  ...valueCommands,
  ...transferCommands,
  ...runCommands,
  personalCommands,
  orgCommands,
  projectCommands,
  environmentCommands,
  memberCommands,
  roleCommands,
  tokenCommands,
  trustCommands,
  ...auditCommands,
  adminCommands,
  completionCommand(() => COMMANDS),
];
