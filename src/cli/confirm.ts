import type { Call } from './call.js';
import { EXIT } from './failure.js';
import { confirm } from './stdin.js';
import { say } from './terminal.js';

/** Whether to go on with what cannot be undone: asks, unless `--yes` was given. A no is exit code 1. */
export async function confirmed(call: Call, question: string): Promise<boolean> {
  if (call.flags.isSet('yes') || (await confirm(question))) return true;
  say('Nothing was done. (--yes does it without asking.)');
  call.exitCode = EXIT.failed;
  return false;
}
