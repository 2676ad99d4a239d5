import { parseArgs } from 'node:util';

/** How long each measurement takes and what is measured. */
export type Options = Readonly<{
  repetitions: number;
  /** Of one measurement; what comes before is warm-up and not counted. */
  seconds: number;
  warmUpSeconds: number;
  /** Whether the rows are measured over a million secrets too. */
  million: boolean;
  /** Only rows whose title contains this. */
  only: string | null;
  /** Writes docs/latency.svg instead of the table. */
  picture: boolean;
  /** Looks where the time of one read goes instead of the table. */
  profile: boolean;
  /** Minutes at half load, instead of the table. */
  soakMinutes: number | null;
}>;

export const USAGE = `npm run bench -- [options]

  --quick          short measurements, without the million secrets: under two minutes
  --only TEXT      only the rows whose title contains TEXT
  --picture        writes docs/latency.svg, latency against load, and no table
  --profile        where the time of reading one value goes, and no table
  --soak           an hour at half load, watching the memory, and no table
  --minutes N      with --soak: another time than an hour
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
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new TypeError('--minutes takes a number above 0.');
  return {
    repetitions: 3,
    seconds: values.quick ? 0.75 : 5,
    warmUpSeconds: values.quick ? 0.25 : 1,
    million: !values.quick,
    only: values.only ?? null,
    picture: values.picture,
    profile: values.profile,
    soakMinutes: values.soak ? minutes : null,
  };
}
