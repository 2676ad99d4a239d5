const USERNAME = /^[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Words that stand for something else where a username can stand in a path. */
const RESERVED: ReadonlySet<string> = new Set(['me', 'secrets']);

/** What is wrong with a username, or null. */
export function usernameProblem(username: string): string | null {
  if (!USERNAME.test(username)) {
    return 'must have 1 to 39 of a–z, 0–9 and -, and neither begin nor end with -';
  }
  if (RESERVED.has(username)) return 'is a word that means something else here: choose another one';
  return UUID.test(username) ? 'must not look like an id' : null;
}

/** The form in which usernames and e-mail addresses are compared. */
export function foldName(name: string): string {
  return name.toLowerCase();
}
