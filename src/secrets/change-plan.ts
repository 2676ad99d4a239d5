import { CofferError, Conflict } from '../errors/errors.js';
import { environmentForm } from '../formats/names.js';
import { newDraft, setValue, type Draft } from './bulk-rows.js';
import type { Change, ChangeOp, ChangeProblem } from './change.js';

/** What a list of steps comes to: the secrets as they are going to be, and each step for the record. */
export type Plan = Readonly<{
  drafts: readonly Draft[];
  steps: readonly Readonly<{ secret: string; op: ChangeOp; version?: number }>[];
}>;

/**
 * Thinks the steps through, each on what the ones before it left behind. `live` are the secrets that are there now, by their
 * environment-variable form. Throws with every step that cannot be taken. Pure: nothing is written.
 */
export function planOf(changes: readonly Change[], live: Map<string, Draft>): Plan {
  const drafts = new Set<Draft>();
  const steps: { secret: string; op: ChangeOp; version?: number }[] = [];
  const problems: (ChangeProblem & { taken: boolean })[] = [];

  changes.forEach((change, index) => {
    const { op, name } = change;
    const form = environmentForm(name);
    const there = live.get(form);
    if (change.op === 'declare') {
      if (there !== undefined) {
        problems.push({ index, name, error: takenBy(there, name), taken: true });
        return;
      }
      const draft = newDraft(name, change.description);
      live.set(form, draft);
      drafts.add(draft);
      steps.push({ secret: name, op });
      return;
    }
    if (there?.name !== name) {
      problems.push({ index, name, error: 'is not declared in this environment', taken: false });
      return;
    }
    drafts.add(there);
    if (change.op === 'set') {
      steps.push({ secret: name, op, version: setValue(there, change.value) });
      return;
    }
    steps.push({ secret: name, op });
    if (change.op === 'describe') there.description = change.description;
    else {
      there.deleted = true;
      live.delete(form);
    }
  });

  if (problems.length > 0) throw impossible(problems);
  return { drafts: [...drafts], steps };
}

function takenBy(there: Draft, name: string): string {
  return there.name === name
    ? 'is declared already'
    : `has the same environment-variable form as ${there.name}, which is declared already`;
}

function impossible(problems: readonly (ChangeProblem & { taken: boolean })[]): CofferError {
  const message = 'Some changes are not possible: see details. Nothing was changed.';
  const details = problems.map(({ index, name, error }) => ({ index, name, error }));
  if (problems.every(({ taken }) => taken)) return new CofferError('already_exists', message, { details });
  return new Conflict(message, 'conflict', details);
}
