// npm run bench: the service against its floors, in one run, on one machine, as docs/performance.md tells. Only ratios
// within a run mean anything. Prints one table, writes bench/results.json, and ends with 1 when a row misses its bar.

import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { measureRow } from './measure.js';
import { residentMiB } from './memory.js';
import { optionsFrom, USAGE, type Options } from './options.js';
import { MILLION, millionRowsOf, ROUTES, rowsOf, SMALL, type Row } from './rows.js';
import { WrongAnswer } from './series.js';
import { Stage, type Site } from './stage.js';
import { isGood, tableOf, type Line } from './table.js';

const MOST_RESIDENT_MIB = 220;

async function main(options: Options): Promise<number> {
  const stage = await Stage.open();
  const stop = (): void => void stage.close().finally(() => process.exit(130));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const lines = await measureAll(stage, options);
    console.log(tableOf(lines));
    await writeFile(new URL('results.json', import.meta.url), resultsOf(lines, options));
    return lines.every(isGood) ? 0 : 1;
  } finally {
    await stage.close();
  }
}

async function measureAll(stage: Stage, options: Options): Promise<Line[]> {
  say('Laying the data …');
  const site = await stage.addSite('few', SMALL);
  const service = { url: site.service.url, kind: 'service' } as const;
  const floor = { url: await stage.addFloor(site), kind: 'floor' } as const;
  const lines = await measureRows(stage, site, rowsOf(service, floor, site.data), options);
  lines.push(memoryOf(site));
  if (!options.million) {
    return [...lines, { title: 'the same among a million secrets', skipped: 'not with --quick' }];
  }
  say('Laying a million secrets …');
  const much = await stage.addSite('many', MILLION);
  const million = { url: much.service.url, kind: 'service' } as const;
  const again = millionRowsOf(service, site.data, million, much.data);
  return [...lines, ...(await measureRows(stage, much, again, options))];
}

async function measureRows(
  stage: Stage,
  site: Site,
  rows: readonly Row[],
  options: Options,
): Promise<Line[]> {
  const description = await (await fetch(`${site.service.url}/openapi.json`)).text();
  const lines: Line[] = [];
  for (const row of rows) {
    if (options.only !== null && !row.title.includes(options.only)) continue;
    const route = ROUTES[row.title];
    if (route !== undefined && !description.includes(`"${route}"`)) {
      lines.push({ title: row.title, skipped: 'not yet' });
      continue;
    }
    say(row.title);
    lines.push(...(await measured(stage, row, options)));
  }
  return lines;
}

/** A row that is answered wrongly says so in the table, and the others are measured all the same. */
async function measured(stage: Stage, row: Row, options: Options): Promise<Line[]> {
  try {
    return await measureRow(stage.load, row, options);
  } catch (error) {
    if (!(error instanceof WrongAnswer)) throw error;
    say(error.message);
    return [{ title: row.title, broken: 'wrong answers: see above' }];
  }
}

/** After the rows, so that whatever they left behind is in it. */
function memoryOf(site: Site): Line {
  const value = residentMiB(site.service.child.pid);
  return {
    title: 'memory of the process after these',
    unit: 'MiB',
    value,
    against: null,
    ratio: value,
    bar: { most: MOST_RESIDENT_MIB },
    met: value <= MOST_RESIDENT_MIB,
    failures: 0,
    repetitions: [],
  };
}

function resultsOf(lines: readonly Line[], options: Options): string {
  const machine = { node: process.version, processors: cpus().length, platform: process.platform };
  return `${JSON.stringify({ at: new Date().toISOString(), machine, options, lines }, null, 2)}\n`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

let options: Options;
try {
  options = optionsFrom(process.argv.slice(2));
} catch (error) {
  say(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exit(64);
}
process.exitCode = await main(options);
