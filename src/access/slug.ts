/** How organisations, projects, environments and custom roles may be called. */
export const SLUG = /^(?!.*--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
export const ENVIRONMENT_NAME = /^(?!.*--)[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?$/;

export function isSlug(text: string): boolean {
  return SLUG.test(text);
}

/** Why something cannot be called that in a path, or null. */
export function slugProblem(slug: string): string | null {
  return isSlug(slug) ? null : shapeProblem(63);
}

/** The same for environments and custom roles, whose names are shorter. */
export function environmentNameProblem(name: string): string | null {
  return ENVIRONMENT_NAME.test(name) ? null : shapeProblem(31);
}

function shapeProblem(longest: number): string {
  return `must have 1 to ${String(longest)} lower-case letters, digits and hyphens, with no hyphen at either end and no two in a row`;
}
