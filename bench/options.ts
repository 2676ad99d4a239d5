import { parseArgs } from 'node:util';

const MODES = ['picture', 'profile', 'soak'] as const;

/** What is measured, and for how long. */
export type Options = Readonly<{
  mode: 'table' | (typeof MODES)[number];
  repetitions: number;
  /** Of one measurement; what comes before is warm-up and not counted. */
  seconds: number;
  warmUpSeconds: number;
  /** Whether the rows are measured over a million secrets too. */
  million: boolean;
  /** Only rows whose title contains this. */
  only: string | null;
  soakMinutes: number;
}>;

export const USAGE = `npm run bench -- [options]

  --quick        short measurements, without the million secrets: under two minutes
  --only TEXT    only the rows whose title contains TEXT

Instead of the table:

  --picture      latency against load, drawn into docs/latency.svg
  --profile      where the processor's time goes while one value is read over and over
  --soak         half load for an hour, watching the memory; --minutes N for another time
`;

/** Throws a TypeError that says what is wrong with the arguments. */
export function optionsFrom(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      picture: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      soak: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '60' },
    },
  });
  const [mode = 'table', ...more] = MODES.filter((name) => values[name]);
  if (more.length > 0) throw new TypeError('--picture, --profile and --soak are one at a time.');
  const soakMinutes = Number(values.minutes);
  if (!(soakMinutes > 0)) throw new TypeError('--minutes takes a number above 0.');
  return {
    mode,
    repetitions: 3,
    seconds: values.quick ? 0.75 : 5,
    warmUpSeconds: values.quick ? 0.25 : 1,
    million: !values.quick,
    only: values.only ?? null,
    soakMinutes,
  };
}
