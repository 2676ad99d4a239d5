// Latency against load, drawn: each line is one server under more and more connections, from the left, where it answers
// one request at a time, to the right, where it answers no faster any more and latency only grows.

import { writeFile } from 'node:fs/promises';
import { measure, median } from './measure.js';
import { say } from './say.js';
import { checkAnswer, oneValue, type Series } from './series.js';
import type { Site, Stage } from './stage.js';

const CONNECTIONS = [1, 2, 5, 10, 20, 50, 100];
const TIMING = { seconds: 3, warmUpSeconds: 1 };
const REPETITIONS = 3;

const WIDTH = 760;
const HEIGHT = 460;
const LEFT = 70;
const RIGHT = WIDTH - 20;
const TOP = 70;
const BOTTOM = HEIGHT - 60;

type Point = Readonly<{ connections: number; rate: number; p50: number; p99: number }>;
type Line = Readonly<{ name: string; style: string; points: readonly Point[] }>;

export async function draw(stage: Stage, site: Site): Promise<number> {
  const service = { url: site.service.url, kind: 'service' } as const;
  const floor = { url: await stage.addFloor(site), kind: 'floor' } as const;
  const orgs = site.data.orgs.slice(0, 1);
  const of = {
    service: (connections: number) => oneValue(service, orgs, 'thousand', connections),
    audited: (connections: number) => oneValue(floor, orgs, 'thousand', connections, 'audited'),
    floor: (connections: number) => oneValue(floor, orgs, 'thousand', connections),
  };
  const points = { service: [] as Point[], audited: [] as Point[], floor: [] as Point[] };
  for (const connections of CONNECTIONS) {
    say(`${String(connections)} connections`);
    points.service.push(await pointOf(stage, of.service(connections)));
    points.audited.push(await pointOf(stage, of.audited(connections)));
    points.floor.push(await pointOf(stage, of.floor(connections)));
  }
  const lines = [
    { name: 'service: audited, durable, authorised', style: 'a', points: points.service },
    { name: 'audited floor: one transaction for each read', style: 'b', points: points.audited },
    { name: 'floor: one query, no record', style: 'c', points: points.floor },
  ];
  await writeFile(new URL('../docs/latency.svg', import.meta.url), svgOf(lines));
  return 0;
}

async function pointOf(stage: Stage, series: Series): Promise<Point> {
  await checkAnswer(series);
  const found = [];
  for (let repetition = 0; repetition < REPETITIONS; repetition += 1)
    found.push(await measure(stage.load, series, TIMING));
  return {
    connections: series.connections,
    rate: median(found.map(({ rate }) => rate)),
    p50: median(found.map(({ p50 }) => p50)),
    p99: median(found.map(({ p99 }) => p99)),
  };
}

/** Both axes are logarithmic: each step of the grid is ten times the one before it. */
function svgOf(lines: readonly Line[]): string {
  const points = lines.flatMap((line) => line.points);
  const x = axis(
    points.map(({ rate }) => rate),
    LEFT,
    RIGHT,
  );
  const y = axis(
    points.flatMap(({ p50, p99 }) => [p50, p99]),
    BOTTOM,
    TOP,
  );
  const path = (line: Line, of: 'p50' | 'p99'): string =>
    line.points.map((point) => `${x.at(point.rate)},${y.at(point[of])}`).join(' ');
  const drawn = lines.map(
    (line) => `  <g class="${line.style}">
    <polyline points="${path(line, 'p50')}"/>
    <polyline points="${path(line, 'p99')}" stroke-dasharray="2 4"/>
${line.points.map(({ rate, p50 }) => `    <circle cx="${x.at(rate)}" cy="${y.at(p50)}" r="3"/>`).join('\n')}
  </g>`,
  );
  const legend = lines.map(
    ({ name, style }, index) =>
      `  <g class="${style}"><circle cx="${String(LEFT + 6)}" cy="${String(14 + index * 17)}" r="4"/></g><text x="${String(LEFT + 16)}" y="${String(18 + index * 17)}">${name}</text>`,
  );
  const grid = [
    ...x.ticks.map(
      (tick) =>
        `  <path class="grid" d="M${x.at(tick)} ${String(TOP)}V${String(BOTTOM)}"/><text x="${x.at(tick)}" y="${String(BOTTOM + 18)}" text-anchor="middle">${tick.toLocaleString('en')}</text>`,
    ),
    ...y.ticks.map(
      (tick) =>
        `  <path class="grid" d="M${String(LEFT)} ${y.at(tick)}H${String(RIGHT)}"/><text x="${String(LEFT - 8)}" y="${y.at(tick)}" dy="4" text-anchor="end">${tick.toLocaleString('en')}</text>`,
    ),
  ];
  const middle = String((LEFT + RIGHT) / 2);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(HEIGHT)}" font-family="sans-serif" font-size="12">
  <title>Latency of reading one value, against load</title>
  <style>
    svg { background: #fff } text { fill: #333 } .grid { stroke: #ddd }
    polyline { fill: none; stroke-width: 2 }
    .a { stroke: #1769aa; fill: #1769aa } .b { stroke: #c4671b; fill: #c4671b } .c { stroke: #6b7280; fill: #6b7280 }
  </style>
${[...grid, ...drawn, ...legend].join('\n')}
  <text x="${middle}" y="${String(BOTTOM + 42)}" text-anchor="middle">reads of one value a second, with ${CONNECTIONS.join(', ')} connections</text>
  <text transform="translate(16 ${String((TOP + BOTTOM) / 2)}) rotate(-90)" text-anchor="middle">milliseconds: p50, dotted p99</text>
</svg>
`;
}

/** A logarithmic axis over whole powers of ten, from one pixel to another. */
function axis(values: readonly number[], from: number, to: number) {
  const least = Math.floor(Math.log10(Math.min(...values)));
  const most = Math.ceil(Math.log10(Math.max(...values)));
  const ticks = Array.from({ length: most - least + 1 }, (_, index) => 10 ** (least + index));
  const at = (value: number): string =>
    (from + ((Math.log10(value) - least) / (most - least)) * (to - from)).toFixed(1);
  return { ticks, at };
}
