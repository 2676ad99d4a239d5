import { SEMANTIC_VERSION } from '../config/semantic-version.js';
import { CofferError } from '../errors/errors.js';

/** Clients that say which version they are; of any other nothing is known, and it is served. */
const CLIENT = /(?:^|\s)(?:coffer|dreadnode-sdk)\/(\S+)/g;

const HEALTH = new Set(['/healthz', '/readyz']);

/** `upgrade_required` for a client that names itself and is older than `minimum`, else null. Health is for everybody. */
export function refusalOfOldClient(url: string, userAgent: string, minimum: string): CofferError | null {
  if (HEALTH.has(url.split('?', 1)[0] ?? '') || !isOlder(userAgent, minimum)) return null;
  return new CofferError(
    'upgrade_required',
    `This client is too old for this service: version ${minimum} or newer is needed.`,
  );
}

/** Whether one of the products in a User-Agent (RFC 9110, 10.1.5), comments aside, is a client of ours before `minimum`. */
export function isOlder(userAgent: string, minimum: string): boolean {
  const least = releaseOf(minimum);
  if (least === null) return false;
  const versions = [...userAgent.replaceAll(/\([^()]*\)/g, ' ').matchAll(CLIENT)];
  return versions.some(([, version = '']) => {
    const release = releaseOf(version);
    return release !== null && compare(release, least) < 0;
  });
}

type Release = readonly [bigint, bigint, bigint];

/** A pre-release counts as its release here, and build metadata never counts. */
function releaseOf(version: string): Release | null {
  const parts = SEMANTIC_VERSION.exec(version);
  if (parts === null) return null;
  const [, major = '', minor = '', patch = ''] = parts;
  return [BigInt(major), BigInt(minor), BigInt(patch)];
}

function compare(one: Release, other: Release): number {
  for (const [index, part] of one.entries()) {
    const against = other[index] ?? 0n;
    if (part !== against) return part < against ? -1 : 1;
  }
  return 0;
}
