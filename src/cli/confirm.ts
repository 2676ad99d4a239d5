import type { Call } from './call.js';
import { EXIT } from './failure.js';
import { confirm } from './stdin.js';
import { say } from './terminal.js';

/** Whether to go on with what cannot be undone: asks, unless `--yes` was given. A no is exit code 1. */
export async function confirmed(call: Call, question: string): Promise<boolean> {
  if (call.flags.isSet('yes')) return true;
  const answer = await confirm(question);
  if (answer === true) return true;
  say(
    answer === null
      ? 'coffer: Nothing was done: nobody is there to answer. To do it without being asked, say --yes.'
      : 'Nothing was done.',
  );
  call.exitCode = EXIT.failed;
  return false;
}
