import type { Entry } from './entry.js';
import { environmentForm, nameProblem } from './names.js';
import { valueProblem } from './value.js';

/** What is wrong with a file and in which line, counted from 1. The sentence never shows what stands there. */
export interface Problem {
  readonly line: number;
  readonly problem: string;
}

/** Every secret of a file, or everything that is wrong with it. */
export type Read = { readonly entries: readonly Entry[] } | { readonly problems: readonly Problem[] };

/** A secret and the line in which its name stands. The value is null where it could not be read, which is a problem of its own. */
export interface LocatedEntry {
  readonly line: number;
  readonly name: string;
  readonly value: string | null;
}

/** What a reader makes of a file before names and values are looked at. */
export interface Found {
  readonly entries: readonly LocatedEntry[];
  readonly problems: readonly Problem[];
}

/** The secrets as they stand in the file, if its syntax, every name and every value are fine. */
export function settle({ entries, problems }: Found): Read {
  const all = [...problems, ...entries.flatMap(entryProblems), ...repetitions(entries)];
  if (all.length > 0) return { problems: all.sort((a, b) => a.line - b.line) };
  return { entries: entries.flatMap(({ name, value }) => (value === null ? [] : [{ name, value }])) };
}

function entryProblems({ name, value, line }: LocatedEntry): Problem[] {
  return [nameProblem(name), value === null ? null : valueProblem(value)].flatMap((problem) =>
    problem === null ? [] : [{ line, problem }],
  );
}

/** Later ones of two that an environment cannot hold side by side. Names are not shown: they may be lost values. */
function repetitions(entries: readonly LocatedEntry[]): Problem[] {
  const first = new Map<string, LocatedEntry>();
  return entries.flatMap((entry) => {
    const form = environmentForm(entry.name);
    const earlier = first.get(form);
    if (earlier === undefined) {
      first.set(form, entry);
      return [];
    }
    const what = earlier.name === entry.name ? 'This name' : 'Another spelling of this name';
    return [{ line: entry.line, problem: `${what} stands in line ${earlier.line} already.` }];
  });
}
