import { dictionary } from '@zxcvbn-ts/language-common';
import { TextRule } from '../../access/text-rules.js';

export const LEAST_CHARACTERS = 12;
export const MOST_CHARACTERS = 256;
const LONGEST_REPETITION = 24;

/** Those of the most common passwords that are long enough to be chosen here, in lower case: a few hundred. */
const COMMON: ReadonlySet<string> = new Set(
  dictionary['passwords-common']
    .filter((password) => [...password].length >= LEAST_CHARACTERS)
    .map((password) => password.toLowerCase()),
);

/** What is wrong with a new password, or null. Characters are Unicode code points; nothing is asked for but length and not being a common one. */
export function passwordProblem(password: string): string | null {
  const length = [...password].length;
  if (length < LEAST_CHARACTERS) return `must have at least ${String(LEAST_CHARACTERS)} characters`;
  if (length > MOST_CHARACTERS) return `must have at most ${String(MOST_CHARACTERS)} characters`;
  return isCommon(password) ? 'is one of the passwords that are guessed first: choose another one' : null;
}

/**
 * On the list in any mixture of cases, or what longer lists have as well: a few letters or digits over and over, 111111111111, abcabcabcabc.
 * What is repeated more often than anybody's fingers do it is on no list.
 */
function isCommon(password: string): boolean {
  const folded = password.normalize('NFKC').toLowerCase();
  return COMMON.has(folded) || (folded.length <= LONGEST_REPETITION && /^([a-z\d]{1,4}?)\1+$/.test(folded));
}

/** The rule for a field that holds a new password. */
export function NewPassword(): PropertyDecorator {
  return TextRule('newPassword', passwordProblem);
}
