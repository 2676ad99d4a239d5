import type { Place } from './envelope.js';

/**
 * Where each kind of sealed value belongs. Part of the format: what was sealed for one of these places opens there for ever, and whoever
 * seals it anew under another key seals it for the same one.
 */

/** One version of an environment's secret. */
export function versionPlace(
  of: Readonly<{ orgId: string; environmentId: string; secretId: string; version: number }>,
): Place {
  return { purpose: 'value', path: [of.orgId, of.environmentId, of.secretId, of.version] };
}

/** Which value of which secret of which user. */
export type PersonalPlace = Readonly<{ userId: string; secretId: string; version: number }>;

export function personalValuePlace(of: PersonalPlace): Place {
  return personal('personal-value', of);
}

export function personalMaskPlace(of: PersonalPlace): Place {
  return personal('personal-mask', of);
}

function personal(purpose: string, { userId, secretId, version }: PersonalPlace): Place {
  return { purpose, path: [userId, secretId, version] };
}
