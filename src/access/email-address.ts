import { isEmail } from 'class-validator';

const LONGEST = 254;

/** What is wrong with an e-mail address, or null. Only ASCII: look-alikes of other scripts would be other people. */
export function emailProblem(email: string): string | null {
  const fits = email.length <= LONGEST && /^[\x21-\x7e]+$/.test(email) && isEmail(email);
  return fits ? null : 'must be an e-mail address, such as maria@example.com';
}

/** Whether two addresses are one: they are compared without case. */
export function isSameAddress(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
