import { isatty } from 'node:tty';
import { print, printable } from './terminal.js';

const GAP = '  ';
const NARROWEST = 8;

type Widths = (text: string) => number;

/** Rows under a heading on stdout, aligned; on a terminal, no wider than it is. */
export async function printTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  const lines = [heading, ...rows.map((row) => row.map(printable))];
  const widthOf = await widths(lines);
  const columns = fitted(
    heading.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? '')))),
    isatty(1) ? process.stdout.columns : Number.POSITIVE_INFINITY,
  );
  const text = lines.map((line) => {
    const cells = columns.map((width, column) => padded(line[column] ?? '', width, widthOf));
    return `${cells.join(GAP).trimEnd()}\n`;
  });
  await print(text.join(''));
}

/** How wide text is on a terminal. The package that knows is loaded only for text that needs it. */
async function widths(lines: readonly (readonly string[])[]): Promise<Widths> {
  if (lines.every((line) => line.every((cell) => /^[ -~]*$/.test(cell)))) return (text) => text.length;
  const { default: stringWidth } = await import('string-width');
  return (text) => stringWidth(text);
}

/** The widest columns give way until the line fits, none below a readable rest. */
function fitted(columns: readonly number[], total: number): number[] {
  const result = [...columns];
  const sum = (): number => result.reduce((a, b) => a + b, 0) + GAP.length * (result.length - 1);
  while (sum() > total) {
    const widest = Math.max(...result);
    if (widest <= NARROWEST) break;
    result[result.lastIndexOf(widest)] = widest - 1;
  }
  return result;
}

function padded(text: string, width: number, widthOf: Widths): string {
  if (widthOf(text) <= width) return text + ' '.repeat(width - widthOf(text));
  const characters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
  let kept = '';
  for (const character of characters) {
    if (widthOf(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…${' '.repeat(width - 1 - widthOf(kept))}`;
}
