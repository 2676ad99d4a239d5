import { prepared, rows, type Transaction } from './transaction.js';

/**
 * What somebody remembers and has not read anew: the stamps that its subjects had, and the moment (milliseconds) at which it ends by itself.
 * Triggers write another
 * stamp with every change of its subject.
 */
export type Expected = Readonly<{
  stamps: readonly Readonly<{ subject: string; stamp: string }>[];
  until: number;
}>;

/** What was remembered does not hold any more: whoever relied on it must ask anew. */
export class Outdated extends Error {
  override readonly name = 'Outdated';
}

type StampRow = Readonly<{ subject: string; stamp: string; now: string }>;

const SELECT_STAMPS = prepared(`
  select subject, stamp, extract(epoch from clock_timestamp()) * 1000 as now from stamps where subject = any ($1::uuid[])`);

/** Reads all stamps that these rest on, in one statement. Returns which of them hold. */
export async function compareStamps(
  tx: Transaction,
  all: readonly Expected[],
): Promise<(expected: Expected) => boolean> {
  const subjects = new Set(all.flatMap(({ stamps }) => stamps.map(({ subject }) => subject)));
  const found = subjects.size === 0 ? [] : await rows<StampRow>(tx, SELECT_STAMPS, [[...subjects]]);
  const present = new Map(found.map(({ subject, stamp }) => [subject, stamp]));
  const now = Number(found[0]?.now ?? 0);
  return ({ stamps, until }) =>
    now < until && stamps.every(({ subject, stamp }) => present.get(subject) === stamp);
}
