/**
 * The two doors to personal secrets: families of paths whose clients were written for other services. Below a door that family's habits
 * hold, for what carries the credential and for what every error looks like.
 */
export type Door = Readonly<{
  name: 'coder' | 'dreadnode';
  /** Everything at and below this path belongs to it. */
  path: string;
  /** The header, in lower case, that its clients send in place of `Authorization`. */
  credentialHeader: string;
}>;

const DOORS: readonly Door[] = [
  { name: 'coder', path: '/api/v2/users', credentialHeader: 'coder-session-token' },
  { name: 'dreadnode', path: '/api/v1/user', credentialHeader: 'x-api-key' },
];

/** The door that a request's target belongs to, whether or not there is a route for it. */
export function doorOf(target: string): Door | null {
  const path = pathOf(target);
  return DOORS.find((door) => path === door.path || path.startsWith(`${door.path}/`)) ?? null;
}

/** The path as the router reads it: without an origin and a query, its escapes undone except for those of separators. */
export function pathOf(target: string): string {
  const path = target.replace(/^https?:\/\/.*?\//, '/').split(/[?#]/, 1)[0] ?? '';
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
