import { slugProblem } from '../access/slug.js';

/** The environment that is made with every project. */
export const DEFAULT_ENVIRONMENT = 'default';

/** First path segments of the service, and words that would mislead. A test compares the former with the routes. */
export const RESERVED_SLUGS: ReadonlySet<string> = new Set([
  ...['api', 'auth', 'docs', 'healthz', 'metrics', 'openapi', 'orgs', 'readyz'],
  ...['admin', 'root', 'system', 'me', 'new', 'null', 'undefined'],
]);

/** Organisations stand first in a path, so some words are taken. */
export function orgSlugProblem(slug: string): string | null {
  if (RESERVED_SLUGS.has(slug)) return 'is a word that the service keeps for itself: choose another one';
  return slugProblem(slug);
}

// Control characters, line breaks and marks that turn the direction of text would let one name look like another.
const UNFIT = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;
const LONGEST_TITLE = 200;

/** Why a name for people, which may have any script and spaces, is refused, or null. Length counts Unicode code points. */
export function titleProblem(name: string): string | null {
  if (name.trim() === '') return 'must not be blank: leave it out, or give one';
  if ([...name].length > LONGEST_TITLE) return `has more than ${String(LONGEST_TITLE)} characters`;
  return UNFIT.test(name)
    ? 'must not have control characters, line breaks or marks that turn the direction of text'
    : null;
}
