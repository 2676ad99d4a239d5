import type { Child } from './child.js';
import type { Job, Measured } from './load.js';
import type { Options } from './options.js';
import type { Bar, Row } from './rows.js';
import { checkAnswer, type Series } from './series.js';

export type Judged = Readonly<{
  title: string;
  unit: 'rate' | 'p50' | 'MiB' | 'ms';
  value: number;
  /** What it was compared with; null where the bar is a number of its own. */
  against: Readonly<{ name: string; value: number }> | null;
  ratio: number;
  bar: Bar;
  met: boolean;
  /** Answers that were not as expected: such a row does not clear its bar. */
  failures: number;
  /** Every repetition, for whoever wants to see how much they differ. */
  repetitions: readonly Measured[];
}>;

type Load = Child<Job, Measured>;

/** Measures a row and what it is compared with, turn by turn, so that whatever else the machine does meets all of them. */
export async function measureRow(load: Load, row: Row, options: Options): Promise<Judged[]> {
  const all = [row.series, ...row.against.map(({ series }) => series)];
  for (const series of all) await checkAnswer(series);
  const found: Measured[][] = all.map(() => []);
  for (let repetition = 0; repetition < options.repetitions; repetition += 1) {
    for (const [index, series] of all.entries()) found[index]?.push(await measure(load, series, options));
  }
  const [own = [], ...others] = found;
  const value = median(own.map((measured) => measured[row.by]));
  return row.against.map(({ with: name, bar, weight = 1 }, index) => {
    const theirs = others[index] ?? [];
    const against = median(theirs.map((measured) => measured[row.by]));
    const ratio = (value * weight) / against;
    const failures = [...own, ...theirs].reduce((sum, measured) => sum + measured.failures, 0);
    return {
      title: row.title,
      unit: row.by,
      value,
      against: { name, value: against },
      ratio,
      bar,
      met: clears(ratio, bar) && failures === 0,
      failures,
      repetitions: own,
    };
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

export function clears(ratio: number, bar: Bar): boolean {
  return 'least' in bar ? ratio >= bar.least : ratio <= bar.most;
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = NaN, high = NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}
