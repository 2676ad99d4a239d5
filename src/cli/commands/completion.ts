import type { Call } from '../call.js';
import type { CommandSpec, GroupSpec } from '../command.js';
import { usage } from '../failure.js';
import { print } from '../terminal.js';

type Commands = readonly (CommandSpec | GroupSpec)[];

/** `all` gives every command, this one too. */
export function completionCommand(all: () => Commands): CommandSpec {
  return {
    usage: 'completion <shell>',
    choices: ['bash', 'zsh', 'fish'],
    summary: 'write the completion for a shell: bash, zsh or fish',
    asks: 'nobody',
    examples: [
      'source <(coffer completion bash)',
      'coffer completion zsh > "${fpath[1]}/_coffer"',
      'coffer completion fish > ~/.config/fish/completions/coffer.fish',
    ],
    run: (call) => complete(call, all()),
  };
}

async function complete(call: Call, all: Commands): Promise<void> {
  const { SHELLS } = await import('../completion.js');
  const shell = call.argument(0);
  const write = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (write === undefined)
    throw usage(`There is no completion for “${shell}”. There is: ${Object.keys(SHELLS).join(', ')}`);
  await print(write(all));
}
