// npm run bench: the service against its floors, in one run, on one machine, as docs/performance.md tells. Only ratios
// within a run mean anything. Prints one table, writes bench/results.json, and ends with 1 when a row misses its bar.

import { writeFile } from 'node:fs/promises';
import { constants, cpus } from 'node:os';
import { measureCommands } from './commands.js';
import { judgeAmount, measure, measureRow } from './measure.js';
import { residentMiB } from './memory.js';
import { optionsFrom, USAGE, type Options } from './options.js';
import { draw } from './picture.js';
import { profile } from './profile.js';
import { MILLION, millionRowsOf, ROUTES, rowsOf, SMALL, type Row } from './rows.js';
import { say } from './say.js';
import { WrongAnswer } from './series.js';
import { soak } from './soak.js';
import { Stage, type Site } from './stage.js';
import { isGood, tableOf, type Line } from './table.js';

const MOST_RESIDENT_MIB = 220;
const WARM_UP_SECONDS = 5;

async function main(options: Options): Promise<number> {
  const opening = Stage.open();
  const interrupted = { by: null as NodeJS.Signals | null };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      interrupted.by ??= signal;
      void opening.then((stage) => stage.interrupt());
    });
  }
  const stage = await opening;
  try {
    if (options.mode === 'profile') return await profile(stage);
    say('Laying the data …');
    const site = await stage.addSite('few', SMALL);
    if (options.mode === 'picture') return await draw(stage, site);
    const lines =
      options.mode === 'soak' ? await soak(stage, site, options) : await measureAll(stage, site, options);
    console.log(tableOf(lines));
    await writeFile(new URL('results.json', import.meta.url), resultsOf(lines, options));
    return lines.every(isGood) ? 0 : 1;
  } catch (error) {
    if (interrupted.by === null) throw error;
    return 128 + constants.signals[interrupted.by];
  } finally {
    await stage.close();
  }
}

async function measureAll(stage: Stage, site: Site, options: Options): Promise<Line[]> {
  const service = { url: site.service.url, kind: 'service' } as const;
  const floor = { url: await stage.addFloor(site), kind: 'floor' } as const;
  const rows = rowsOf(service, floor, site.data);
  await warmUp(stage, rows);
  const lines = await measureRows(stage, site, rows, options);
  // After the rows, so that whatever they left behind is in it.
  const resident = residentMiB(site.service.child.pid);
  const most = { most: MOST_RESIDENT_MIB };
  lines.push(judgeAmount('memory of the process after these', 'MiB', resident, most));
  lines.push(...(await measureCommands(site, options)));
  if (!options.million) {
    return [...lines, { title: 'the same among a million secrets', skipped: 'not with --quick' }];
  }
  say('Laying a million secrets …');
  const much = await stage.addSite('many', MILLION);
  const million = { url: much.service.url, kind: 'service' } as const;
  const again = millionRowsOf(service, site.data, million, much.data);
  return [...lines, ...(await measureRows(stage, much, again, options))];
}

/** So that the first row does not pay for the compilation of what all of them run. */
async function warmUp(stage: Stage, [row]: readonly Row[]): Promise<void> {
  if (row === undefined) return;
  say('Warming up …');
  for (const { series } of [row, ...row.against])
    await measure(stage.load, series, { seconds: WARM_UP_SECONDS, warmUpSeconds: 0 });
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
    const route = ROUTES[row.title];
    if (options.only !== null && !row.title.includes(options.only)) continue;
    if (route !== undefined && !description.includes(`"${route}"`)) {
      lines.push({ title: row.title, skipped: 'not yet' });
    } else {
      say(row.title);
      lines.push(...(await measured(stage, row, options)));
    }
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
    return [{ title: row.title, broken: 'and was answered wrongly, see above' }];
  }
}

function resultsOf(lines: readonly Line[], options: Options): string {
  const machine = { node: process.version, processors: cpus().length, platform: process.platform };
  return `${JSON.stringify({ at: new Date().toISOString(), machine, options, lines }, null, 2)}\n`;
}

let options: Options;
try {
  options = optionsFrom(process.argv.slice(2));
} catch (error) {
  say(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exit(64);
}
process.exitCode = await main(options);
