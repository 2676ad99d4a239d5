import { isIP } from 'node:net';
import { isPublicAddress } from './public-address.js';

/** What a trust may say. Pure: every function says what is wrong, or null. */

const LONGEST_URL = 1_024;
const MOST_CLAIMS = 50;
const MOST_VALUES = 50;
const LONGEST_CLAIM = 200;
const LONGEST_VALUE = 1_024;

/** An issuer as tokens name it: it is compared with them byte for byte, so nothing is added to it or taken from it. */
export function issuerProblem(issuer: string): string | null {
  const url = /^https?:\/\/[^\s\\?#@]+$/.test(issuer) && URL.canParse(issuer) ? new URL(issuer) : null;
  if (url === null || issuer.length > LONGEST_URL) {
    return 'must be an https URL without user name, query and fragment, as the tokens name it in iss';
  }
  return null;
}

/** What only in-house issuers may be: not encrypted, or at an address that is not the public's. Names are looked up when keys are fetched. */
export function reachProblem(issuer: string): string | null {
  const { protocol, hostname } = new URL(issuer);
  if (protocol !== 'https:') {
    return 'must be an https URL: http is for servers with COFFER_ALLOW_PRIVATE_ISSUERS';
  }
  const host = bareHost(hostname);
  const isPrivate = isIP(host) === 0 ? /^(?:.+\.)?localhost$/.test(host) : !isPublicAddress(host);
  return isPrivate ? 'is at a private address: that is for servers with COFFER_ALLOW_PRIVATE_ISSUERS' : null;
}

/** A URL's host without the brackets of an IPv6 address and without the dot that a full name may end with. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/** An object of claims, none of them empty: what is empty must not come to mean "any". */
export function claimsProblem(claims: unknown): string | null {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) {
    return 'must be an object: each claim with the value, or the list of values, that it must have';
  }
  const entries = Object.entries(claims as Record<string, unknown>);
  if (entries.length === 0 || entries.length > MOST_CLAIMS) {
    return `must name 1 to ${String(MOST_CLAIMS)} claims: a trust without claims would trust everybody at that issuer`;
  }
  for (const [claim, value] of entries) {
    if (claim === '' || [...claim].length > LONGEST_CLAIM) {
      return `has a claim whose name does not have 1 to ${String(LONGEST_CLAIM)} characters`;
    }
    const problem = valueProblem(value);
    if (problem !== null) return `${claim} ${problem}`;
  }
  return null;
}

function valueProblem(value: unknown): string | null {
  if (Array.isArray(value)) {
    if (value.length === 0 || value.length > MOST_VALUES) {
      return `must have 1 to ${String(MOST_VALUES)} values in its list`;
    }
    return value.map(textProblem).find((problem) => problem !== null) ?? null;
  }
  return textProblem(value);
}

function textProblem(value: unknown): string | null {
  if (typeof value !== 'string') {
    return 'must be a string, or a list of strings: write numbers in quotes, they are compared as text';
  }
  if (value === '') return 'must not be empty';
  return [...value].length > LONGEST_VALUE ? `has more than ${String(LONGEST_VALUE)} characters` : null;
}

/** Issuers whose names of repositories and groups can come to belong to somebody else, with the ids that cannot. */
const KNOWN = [
  {
    product: 'GitHub',
    isIssuer: ({ hostname, pathname }: URL) =>
      /^token\.actions\.(?:githubusercontent\.com|[^.]+\.ghe\.com)$/.test(bareHost(hostname)) ||
      /\/_services\/token\/?$/.test(pathname),
    ids: ['repository_id', 'repository_owner_id'],
  },
  {
    product: 'GitLab',
    isIssuer: ({ hostname }: URL) => /(?:^|\.)gitlab(?:-[^.]+)?\./.test(bareHost(hostname)),
    ids: ['project_id', 'namespace_id'],
  },
] as const;

/**
 * A name that was given up can be registered by a stranger, whose tokens then carry the same names and the same `sub`. So at issuers that
 * are known for that a trust must pin an id.
 */
export function identityProblem(issuer: string, claims: object): string | null {
  const url = new URL(issuer);
  const known = KNOWN.find(({ isIssuer }) => isIssuer(url));
  if (known === undefined || known.ids.some((id) => Object.hasOwn(claims, id))) return null;
  const { product, ids } = known;
  return `must pin ${ids.join(' or ')}: names at ${product}, and sub, which is made of names, can come to belong to somebody else`;
}
