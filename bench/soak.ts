import { together, type Failures } from './load.js';
import { judgeAmount, measure } from './measure.js';
import { residentMiB } from './memory.js';
import type { Options } from './options.js';
import { say } from './say.js';
import { oneValue } from './series.js';
import type { Site, Stage } from './stage.js';
import type { Line } from './table.js';

const SLICE_SECONDS = 30;
const MOST_GROWTH = 1;

/** Reads at half of what the service can do, for as long as was asked, and tells how much its memory grew. */
export async function soak(stage: Stage, site: Site, options: Options): Promise<Line[]> {
  const target = { url: site.service.url, kind: 'service' } as const;
  const series = oneValue(target, site.data.orgs, 'hundred', 50);
  const { rate } = await measure(stage.load, series, { seconds: 10, warmUpSeconds: 5 });
  const half = Math.floor(rate / 2);
  say(`At most ${rate.toFixed(0)}/s; half of that for ${String(options.soakMinutes)} minutes.`);
  const samples: Sample[] = [];
  const failures: Failures[] = [];
  const slices = Math.ceil((options.soakMinutes * 60) / SLICE_SECONDS);
  for (let slice = 1; slice <= slices; slice += 1) {
    const found = await measure(stage.load, series, { seconds: SLICE_SECONDS, warmUpSeconds: 0 }, half);
    failures.push(found.failures);
    const minutes = (slice * SLICE_SECONDS) / 60;
    const mebibytes = residentMiB(site.service.child.pid);
    samples.push({ minutes, mebibytes });
    say(`${minutes.toFixed(1)} min  ${mebibytes.toFixed(1)} MiB  ${found.rate.toFixed(0)}/s`);
  }
  const growth = growthOf(samples) * 10;
  const title = `growth in ${String(options.soakMinutes)} minutes at half load`;
  return [judgeAmount(title, 'MiB in ten minutes', growth, { most: MOST_GROWTH }, together(failures))];
}

type Sample = Readonly<{ minutes: number; mebibytes: number }>;

/** MiB a minute: the slope of the straight line that fits best, once the first sixth, in which caches fill, is left out. */
function growthOf(all: readonly Sample[]): number {
  const samples = all.slice(Math.floor(all.length / 6));
  const mean = (of: keyof Sample): number =>
    samples.reduce((sum, sample) => sum + sample[of], 0) / samples.length;
  const [minutes, mebibytes] = [mean('minutes'), mean('mebibytes')];
  const sums = samples.reduce(
    (sum, sample) => ({
      both: sum.both + (sample.minutes - minutes) * (sample.mebibytes - mebibytes),
      time: sum.time + (sample.minutes - minutes) ** 2,
    }),
    { both: 0, time: 0 },
  );
  return sums.time === 0 ? 0 : sums.both / sums.time;
}
