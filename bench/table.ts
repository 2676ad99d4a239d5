import type { Judged, Unit } from './measure.js';
import type { Bar } from './rows.js';

/** A row of the table: measured, or why not. */
export type Line =
  Judged | Readonly<{ title: string; skipped: string }> | Readonly<{ title: string; broken: string }>;

const HEADINGS = ['', 'service', 'compared with', '', 'ratio', 'bar', ''] as const;

const MISSED = 'MISSES ITS BAR';

/** Whether nothing in this line is a reason to end with 1. */
export function isGood(line: Line): boolean {
  return 'skipped' in line || ('met' in line && line.met);
}

/** The table as text: what was measured, against what, and whether that is enough. */
export function tableOf(lines: readonly Line[]): string {
  const rows = [[...HEADINGS], ...lines.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const isNumber = (column: number): boolean => column === 1 || column === 3 || column === 4;
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return isNumber(column) ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cellsOf(line: Line): string[] {
  if ('skipped' in line) return [line.title, line.skipped, '', '', '', '', ''];
  if ('broken' in line) return [line.title, '', '', '', '', '', `${MISSED}, ${line.broken}`];
  const { title, unit, value, against, ratio, bar, met, failures } = line;
  const wrong = Object.entries(failures).map(([what, count]) => `${String(count)} × ${what}`);
  const why = wrong.length === 0 ? '' : `, and was answered ${wrong.join(', ')}`;
  return [
    title,
    amount(value, unit),
    against?.name ?? '',
    against === null ? '' : amount(against.value, unit),
    against === null ? '' : `${digits(ratio)} ×`,
    barText(bar, against === null ? ` ${unit}` : ' ×'),
    met ? 'ok' : `${MISSED}${why}`,
  ];
}

function amount(value: number, unit: Unit): string {
  switch (unit) {
    case 'rate':
      return `${digits(value)}/s`;
    case 'p50':
    case 'ms':
      return `${digits(value)} ms`;
    case 'MiB':
    case 'MiB in ten minutes':
      return `${digits(value)} ${unit}`;
  }
}

function digits(value: number): string {
  const places = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: places, maximumFractionDigits: places });
}

function barText(bar: Bar, unit: string): string {
  return 'least' in bar ? `≥ ${String(bar.least)}${unit}` : `≤ ${String(bar.most)}${unit}`;
}
