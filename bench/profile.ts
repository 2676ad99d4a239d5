import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure } from './measure.js';
import { checkAnswer, oneValue } from './series.js';
import type { Stage } from './stage.js';

const CONNECTIONS = 50;
const SECONDS = 15;
const LEAST_PERCENT = 0.3;

/** What V8 writes with --cpu-prof, as far as it is read here. Times are microseconds. */
type CpuProfile = Readonly<{
  nodes: readonly Readonly<{ id: number; callFrame: Readonly<{ functionName: string; url: string }> }>[];
  samples: readonly number[];
  timeDeltas: readonly number[];
}>;

/** A share of the processor's time, by who wrote the code that took it. */
type Share = Readonly<{ of: string; percent: number }>;

/** Loads a service that is being profiled and prints by whom its time was taken. */
export async function profile(stage: Stage): Promise<number> {
  const { path, flags } = await profileDirectory();
  const site = await stage.addSite('profiled', [{ thousand: 1_000 }], flags);
  const target = { url: site.service.url, kind: 'service' } as const;
  const series = oneValue(target, site.data.orgs, 'thousand', CONNECTIONS);
  await checkAnswer(series);
  const { rate, p50 } = await measure(stage.load, series, { seconds: SECONDS, warmUpSeconds: 5 });
  await site.service.kill('SIGTERM');
  console.log(`${rate.toFixed(0)} reads of one value a second, p50 ${p50.toFixed(1)} ms`);
  for (const { of, percent } of await sharesIn(path, SECONDS)) {
    if (percent >= LEAST_PERCENT) console.log(`${percent.toFixed(1).padStart(5)} %  ${of}`);
  }
  return 0;
}

/** A directory for one profile, and the flags that make node write it there when it ends. */
async function profileDirectory(): Promise<{ path: string; flags: string[] }> {
  const path = await mkdtemp(join(await realpath(tmpdir()), 'coffer-profile-'));
  return { path, flags: ['--cpu-prof', `--cpu-prof-dir=${path}`, '--cpu-prof-interval=200'] };
}

/** Reads the profile that a process left there, and removes the directory. Only its last `seconds` count. */
async function sharesIn(directory: string, seconds: number): Promise<Share[]> {
  const [file] = await readdir(directory);
  if (file === undefined) throw new Error('The service left no profile.');
  const profile = JSON.parse(await readFile(join(directory, file), 'utf8')) as CpuProfile;
  await rm(directory, { recursive: true, force: true });
  return sharesOf(profile, seconds * 1e6);
}

function sharesOf({ nodes, samples, timeDeltas }: CpuProfile, last: number): Share[] {
  const writers = new Map(nodes.map(({ id, callFrame }) => [id, writerOf(callFrame)]));
  const times = new Map<string, number>();
  let total = 0;
  for (let index = samples.length - 1; index >= 0 && total < last; index -= 1) {
    const taken = timeDeltas[index] ?? 0;
    const writer = writers.get(samples[index] ?? 0) ?? 'unknown';
    times.set(writer, (times.get(writer) ?? 0) + taken);
    total += taken;
  }
  return [...times]
    .map(([of, time]) => ({ of, percent: (time / total) * 100 }))
    .sort((a, b) => b.percent - a.percent);
}

/** A package, a folder of ours, a module of node, or a word in brackets for what is nobody's code. */
function writerOf({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string {
  const inPackage = /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (inPackage !== undefined) return inPackage;
  const ours = /\/dist\/src\/([^/]+)/.exec(url)?.[1];
  if (ours !== undefined) return `src/${ours}`;
  if (url.startsWith('node:')) return url.split('/')[0] ?? url;
  return url === '' ? functionName : url;
}
