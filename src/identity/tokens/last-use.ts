/**
 * Whether a row's `last_used_at` is worth writing anew: it tells people which token or session is still in use, so a minute is exact
 * enough, and what is used a thousand times a minute is written once. `alias` is the table's in the statement.
 */
export function staleUse(alias: string): string {
  return `coalesce(${alias}.last_used_at < now() - interval '1 minute', true)`;
}
