import { TextRule } from './text-rules.js';

// No zone is further from UTC than 15:59; PostgreSQL takes no more.
const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-](?:0\d|1[0-5]):[0-5]\d)$/;

/**
 * The moment that an RFC 3339 time means, or null. A day that the month does not have is no time, nor is one whose year in UTC does not
 * have the four digits of that form, or is 0, which no database knows.
 */
export function momentOf(text: string): Date | null {
  const parts = RFC_3339.exec(text)?.slice(1, 7).map(Number);
  if (parts === undefined) return null;
  const [year = 0, month = 0, day = 0] = parts;
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const moment = new Date(text);
  const isKnown = year > 0 && month <= 12 && day <= lastDay && !Number.isNaN(moment.getTime());
  return isKnown && moment.getUTCFullYear() > 0 && moment.getUTCFullYear() <= 9_999 ? moment : null;
}

/** For a field that says when something ends: a time as in RFC 3339, and still to come. */
export function InTheFuture(): PropertyDecorator {
  return TextRule('inTheFuture', (text) => {
    const moment = momentOf(text);
    if (moment === null) return 'must be a time as in RFC 3339, like 2030-01-31T12:00:00Z';
    return moment.getTime() > Date.now() ? null : 'must be in the future';
  });
}
