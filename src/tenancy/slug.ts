/** How organisations, projects, environments and custom roles may be called. */
export const SLUG = /^(?!.*--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
export const ENVIRONMENT_NAME = /^(?!.*--)[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?$/;

/** First path segments of the service, and words that would mislead. A test compares the former with the routes. */
export const RESERVED_SLUGS: ReadonlySet<string> = new Set([
  ...['api', 'auth', 'docs', 'healthz', 'metrics', 'openapi', 'orgs', 'readyz'],
  ...['admin', 'root', 'system', 'me', 'new', 'null', 'undefined'],
]);

export function isSlug(text: string): boolean {
  return SLUG.test(text);
}
