const UNITS = [
  ['year', 365 * 24 * 3600],
  ['month', 30 * 24 * 3600],
  ['week', 7 * 24 * 3600],
  ['day', 24 * 3600],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

const SECONDS_IN = { m: 60, h: 3600, d: 24 * 3600 } as const;

/** A time as people tell it: `3 minutes ago`, `in 2 days`. */
export function told(time: string, now: number = Date.now()): string {
  const seconds = Math.round((Date.parse(time) - now) / 1000);
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
  const count = Math.floor(Math.abs(seconds) / length);
  if (count === 0) return 'just now';
  const much = `${String(count)} ${unit}${count === 1 ? '' : 's'}`;
  return seconds < 0 ? `${much} ago` : `in ${much}`;
}

/** `30m`, `12h`, `30d` from now, or a time as it stands; null when it is neither. */
export function timeFrom(text: string, now: number = Date.now()): string | null {
  return timeAt(text, now, 1);
}

/** The same, back from now. */
export function timeAgo(text: string, now: number = Date.now()): string | null {
  return timeAt(text, now, -1);
}

function timeAt(text: string, now: number, direction: 1 | -1): string | null {
  const [, count, unit] = /^([1-9]\d{0,5})([mhd])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) {
    const seconds = unit === 'm' || unit === 'h' || unit === 'd' ? SECONDS_IN[unit] : 0;
    return new Date(now + direction * Number(count) * seconds * 1000).toISOString();
  }
  const [, day] =
    /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/.exec(text) ?? [];
  if (day === undefined || !isDay(day)) return null;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

/** JavaScript reads the 31st of February as a day of March. */
function isDay(day: string): boolean {
  const time = Date.parse(day);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day);
}
