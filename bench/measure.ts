import type { Child } from './child.js';
import { together, type Failures, type Job, type Measured } from './load.js';
import type { Options } from './options.js';
import type { Bar, Row } from './rows.js';
import { checkAnswer, type Series } from './series.js';

/** What came of one comparison: medians, their ratio, and whether it clears the bar. */
export type Judged = Readonly<{
  title: string;
  unit: Unit;
  value: number;
  /** What it was compared with; null where the bar is an amount and no ratio. */
  against: Readonly<{ name: string; value: number }> | null;
  ratio: number;
  bar: Bar;
  met: boolean;
  /** Answers that were not as expected: a row with any does not clear its bar. */
  failures: Failures;
  /** Every repetition, for whoever wants to see how much they differ. */
  repetitions: Readonly<{ own: readonly number[]; theirs: readonly number[] }>;
}>;

export type Unit = 'rate' | 'p50' | 'ms' | 'MiB' | 'MiB in ten minutes';

export type Load = Child<Job, Measured>;

/** Measures a row and what it is compared with, turn by turn, so that whatever else the machine does meets all of them. */
export async function measureRow(load: Load, row: Row, options: Options): Promise<Judged[]> {
  const all = [row.series, ...row.against.map(({ series }) => series)];
  for (const series of all) await checkAnswer(series);
  const found: Measured[][] = all.map(() => []);
  for (let repetition = 0; repetition < options.repetitions; repetition += 1) {
    for (const [index, series] of all.entries()) found[index]?.push(await measure(load, series, options));
  }
  const [own = [], ...others] = found;
  return row.against.map(({ with: name, bar, weight }, index) => {
    const theirs = others[index] ?? [];
    const failures = together([...own, ...theirs].map((each) => each.failures));
    const numbers = { own: own.map((each) => each[row.by]), theirs: theirs.map((each) => each[row.by]) };
    return judge(row.title, row.by, numbers, name, bar, { weight, failures });
  });
}

export function measure(
  load: Load,
  { url, requests, connections, status }: Series,
  { seconds, warmUpSeconds }: Pick<Options, 'seconds' | 'warmUpSeconds'>,
  rate: number | null = null,
): Promise<Measured> {
  return load.ask({ url, requests, connections, status, seconds, warmUpSeconds, rate });
}

/** Holds the ratio of two medians against a bar. */
export function judge(
  title: string,
  unit: Unit,
  repetitions: Judged['repetitions'],
  name: string,
  bar: Bar,
  { weight = 1, failures = {} }: { weight?: number; failures?: Failures } = {},
): Judged {
  const value = median(repetitions.own);
  const against = { name, value: median(repetitions.theirs) };
  const ratio = (value * weight) / against.value;
  const met = clears(ratio, bar) && isNone(failures);
  return { title, unit, value, against, ratio, bar, met, failures, repetitions };
}

/** Holds an amount itself against a bar. */
export function judgeAmount(
  title: string,
  unit: Unit,
  value: number,
  bar: Bar,
  failures: Failures = {},
): Judged {
  const met = clears(value, bar) && isNone(failures);
  const repetitions = { own: [value], theirs: [] };
  return { title, unit, value, against: null, ratio: value, bar, met, failures, repetitions };
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = NaN, high = NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

function isNone(failures: Failures): boolean {
  return Object.keys(failures).length === 0;
}

function clears(ratio: number, bar: Bar): boolean {
  return 'least' in bar ? ratio >= bar.least : ratio <= bar.most;
}
