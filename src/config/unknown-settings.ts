/** A problem for each COFFER_ name that nobody knows, with the setting that was probably meant. */
export function unknownSettings(
  env: Readonly<Record<string, string | undefined>>,
  known: readonly string[],
): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('COFFER_') && env[name] !== undefined && !known.includes(name))
    .sort()
    .map((name) => {
      const likely = known.find((candidate) => editDistance(candidate, name) <= 2);
      return `${name}: is not a setting of this version${likely === undefined ? '' : `; did you mean ${likely}?`}`;
    });
}

/** How many letters must be changed, added or taken away to make one text of the other. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (const [column, candidate] of [...other].entries()) {
      const replaced = (row[column] ?? 0) + (letter === candidate ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
