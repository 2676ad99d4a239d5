import { CommanderError } from 'commander';
import { hideDebugLog } from './environment.js';
import { EXIT, Failure, whereIn } from './failure.js';
import { createProgram } from './program.js';
import { NobodyReads, say } from './terminal.js';

/** Runs the command that was typed, and gives back the exit code. */
export async function main(): Promise<number> {
  hideDebugLog();
  let exitCode = 0;
  try {
    const program = createProgram((code) => {
      exitCode = code;
    });
    await program.parseAsync();
    return exitCode;
  } catch (error) {
    return told(error);
  }
}

/** Says on stderr what went wrong, and gives the exit code of it. */
export function told(error: unknown): number {
  if (error instanceof CommanderError) {
    // The help or the version was asked for, and printed.
    if (error.exitCode === 0) return 0;
    if (error.code !== 'commander.help') say(usageSentence(error.message));
    return EXIT.usage;
  }
  if (error instanceof NobodyReads) return error.exitCode;
  if (error instanceof Failure) {
    say(`coffer: ${error.message}`);
    return error.exitCode;
  }
  say(`coffer: something unexpected went wrong: ${whereIn(error)}`);
  return EXIT.failed;
}

/** The parser repeats a flag that it does not know with everything after its equals sign, which may be a value. */
function usageSentence(message: string): string {
  const safe = message.replace(/^error: /, '').replace(/^(unknown option '[^'=]*)=.*?'(?=$|\n)/s, "$1'");
  return `coffer: ${safe}\nSee --help.`;
}
