import type { Lines, RandomBytes } from './entry.js';

const DELIMITER_BYTES = 16;

/**
 * The lines for one variable in the file that `$GITHUB_ENV` names. A value could end itself and begin a variable of
 * its own if its author could guess the delimiter; that one is random, new for each variable, and not in the value.
 */
export function writeGithubEnv(variable: string, value: string, random: RandomBytes): Lines {
  let delimiter: string;
  do {
    delimiter = `coffer_${Buffer.from(random(DELIMITER_BYTES)).toString('hex')}`;
  } while (value.includes(delimiter));
  return { text: `${variable}<<${delimiter}\n${value}\n${delimiter}\n` };
}
