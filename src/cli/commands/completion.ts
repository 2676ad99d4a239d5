import type { Call } from '../call.js';
import type { CommandSpec } from '../command.js';
import { usage } from '../failure.js';
import { print } from '../terminal.js';

export const completionCommands: readonly CommandSpec[] = [
  {
    usage: 'completion <shell>',
    summary: 'write the completion for a shell: bash, zsh or fish',
    asks: 'nobody',
    examples: [
      'source <(coffer completion bash)',
      'coffer completion zsh > "${fpath[1]}/_coffer"',
      'coffer completion fish > ~/.config/fish/completions/coffer.fish',
    ],
    run: complete,
  },
];

async function complete(call: Call): Promise<void> {
  const { SHELLS } = await import('../completion.js');
  const shell = call.argument(0);
  const write = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (write === undefined)
    throw usage(`There is no completion for “${shell}”. There is: ${Object.keys(SHELLS).join(', ')}`);
  await print(write());
}
