import { PreconditionFailed } from '../errors/errors.js';

/** Conditional requests (RFC 9110, 13.1): what the headers say, compared with the tag that is there now. */

/** Throws unless `If-Match` is absent or names the tag. A weak tag never matches (13.1.1). */
export function requireMatch(ifMatch: string | undefined, tag: number): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const tags = ifMatch.split(',').map((one) => one.trim());
  if (!tags.includes(`"${String(tag)}"`)) {
    throw new PreconditionFailed('It was changed since: read it again and use the new ETag in If-Match.');
  }
}

/** Whether `If-None-Match` names the tag, weakly compared (13.1.2): then the caller has it already. */
export function isKnown(ifNoneMatch: string | undefined, tag: number): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch
    .split(',')
    .map((one) => one.trim().replace(/^W\//, ''))
    .includes(`"${String(tag)}"`);
}

/** Throws unless the writer's idea of the present version is right; 0 stands for "no value yet". */
export function requireVersion(ifVersion: number | undefined, current: number | null): void {
  if (ifVersion === undefined || ifVersion === (current ?? 0)) return;
  throw new PreconditionFailed(`The present version is ${String(current ?? 0)}, not the one in ifVersion.`);
}
