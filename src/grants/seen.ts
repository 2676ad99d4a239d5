import type { Rights } from '../access/rights.js';

/**
 * `Rights.sees` in SQL, for lists that show only what is visible: whether some holding lies at the row's scope, above it or below it.
 * `project` and `environment` are the row's columns; `first` is the number of the first of the two parameters that `sightOf` fills.
 */
export function seen(project: string, environment: string, first: number): string {
  return `exists (
    select from unnest($${String(first)}::uuid[], $${String(first + 1)}::uuid[]) as held (project_id, environment_id)
    where held.project_id is null or ${project} is null or (held.project_id = ${project}
      and (held.environment_id is null or ${environment} is null or held.environment_id = ${environment})))`;
}

/** The two parameters of `seen`: the scopes in which something is held, as two columns. */
export function sightOf(rights: Rights): [projects: (string | null)[], environments: (string | null)[]] {
  const scopes = rights.holdings
    .filter((holding) => holding.permissions.size > 0)
    .map((holding) => holding.at);
  return [scopes.map((at) => at.projectId), scopes.map((at) => at.environmentId)];
}
