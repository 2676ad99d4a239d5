import { Injectable } from '@nestjs/common';
import {
  compactVerify,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type ProtectedHeaderParameters,
} from 'jose';
import { mismatchesOf, type Mismatch, type TrustedClaims } from './claims.js';
import { IssuerUnreachable } from './issuer-document.js';
import { IssuerKeys } from './issuer-keys.js';

/** Only algorithms whose verifying key is public. `none` and the HMAC family, whose key would be what anybody can download, are not. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

export const LONGEST_SUBJECT_TOKEN = 16_384;
const LONGEST_KID = 1_024;

/**
 * An issuer's clock may be ahead of ours. There is no leeway at the other end: a token lives for minutes, so a clock of ours that is ahead
 * makes these fewer and does not end them.
 */
export const AHEAD_S = 120;
/** Nobody needs a token of yesterday, whatever it says of its own end. */
export const OLDEST_S = 24 * 60 * 60;

/** What a token is held against. */
export type Expectation = Readonly<{ issuer: string; audience: string; claims: TrustedClaims }>;

/** What became of it: nothing in `mismatches` means that it fits. `isGenuine`: the issuer's key has signed it. */
export type Judgement = Readonly<{
  isGenuine: boolean;
  claims: Readonly<Record<string, unknown>>;
  mismatches: readonly Mismatch[];
}>;

/** Judges JSON Web Tokens of other issuers (RFC 7519, with the advice of RFC 8725). */
@Injectable()
export class SubjectTokens {
  constructor(private readonly keys: IssuerKeys) {}

  /**
   * Every reason for which the exchange would refuse the token. Keys are fetched only when nothing else is wrong with it, and only those of
   * the expected issuer; `jku`, `x5u`, `jwk` and `x5c` in a token's header mean nothing here.
   */
  async judge(token: string, expectation: Expectation): Promise<Judgement> {
    const read = readToken(token);
    if (read === null) return { isGenuine: false, claims: {}, mismatches: [MALFORMED] };
    const { header, claims } = read;
    const outside = [
      ...headerMismatches(header),
      ...mismatchesOf({ iss: expectation.issuer, aud: expectation.audience }, claims),
      ...timeMismatches(claims, Date.now() / 1_000),
    ];
    const inside = mismatchesOf(expectation.claims, claims);
    if (outside.length > 0) return { isGenuine: false, claims, mismatches: [...outside, ...inside] };
    const forgery = await this.forgeryIn(token, expectation.issuer);
    if (forgery !== null) return { isGenuine: false, claims, mismatches: [forgery, ...inside] };
    return { isGenuine: true, claims, mismatches: inside };
  }

  /** Null when a key of the issuer has signed the token. */
  private async forgeryIn(token: string, issuer: string): Promise<Mismatch | null> {
    try {
      await compactVerify(token, (header) => this.keys.find(issuer, header), { algorithms: ALGORITHMS });
      return null;
    } catch (error) {
      return {
        claim: 'signature',
        expected: 'made with a key that the issuer publishes',
        actual: whyNot(error),
      };
    }
  }
}

const MALFORMED: Mismatch = { claim: 'subject_token', expected: 'a signed JSON Web Token', actual: null };

const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

type Read = Readonly<{ header: ProtectedHeaderParameters; claims: Readonly<Record<string, unknown>> }>;

function readToken(token: string): Read | null {
  if (token.length > LONGEST_SUBJECT_TOKEN || !COMPACT.test(token)) return null;
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    return null;
  }
}

function headerMismatches(header: ProtectedHeaderParameters): Mismatch[] {
  const { alg, kid, typ, crit } = header as Readonly<Record<string, unknown>>;
  const found: Mismatch[] = [];
  if (typeof alg !== 'string' || !ALGORITHMS.includes(alg)) {
    found.push({ claim: 'alg', expected: ALGORITHMS, actual: alg ?? null });
  }
  if (typeof kid !== 'string' || kid === '' || kid.length > LONGEST_KID) {
    found.push({ claim: 'kid', expected: 'the id of one of the issuer’s keys', actual: kid ?? null });
  }
  // An access token or a logout token of the same issuer is no statement about a workload.
  if (typ !== undefined && !(typeof typ === 'string' && /^(?:application\/)?jwt$/i.test(typ))) {
    found.push({ claim: 'typ', expected: 'JWT', actual: typ });
  }
  if (crit !== undefined) found.push({ claim: 'crit', expected: 'no extension', actual: crit });
  return found;
}

/** `exp` and `iat` are required of every ID token (OpenID Connect Core, 2); `nbf` counts where there is one. */
function timeMismatches(claims: Readonly<Record<string, unknown>>, now: number): Mismatch[] {
  const checks = [
    { claim: 'exp', fits: (at: number) => at > now, expected: `after ${timeText(now)}` },
    {
      claim: 'iat',
      fits: (at: number) => at <= now + AHEAD_S && at >= now - OLDEST_S,
      expected: `between ${timeText(now - OLDEST_S)} and ${timeText(now + AHEAD_S)}`,
    },
    ...(claims['nbf'] === undefined
      ? []
      : [
          {
            claim: 'nbf',
            fits: (at: number) => at <= now + AHEAD_S,
            expected: `not after ${timeText(now + AHEAD_S)}`,
          },
        ]),
  ];
  return checks.flatMap(({ claim, fits, expected }) => {
    const at = claims[claim];
    if (typeof at === 'number' && Number.isFinite(at) && fits(at)) return [];
    return [{ claim, expected, actual: typeof at === 'number' ? timeText(at) : (at ?? null) }];
  });
}

function timeText(seconds: number): string {
  const time = new Date(Math.floor(seconds) * 1_000);
  return Number.isNaN(time.getTime()) ? String(seconds) : time.toISOString();
}

function whyNot(error: unknown): string {
  if (error instanceof IssuerUnreachable) return `the issuer’s keys cannot be read: ${error.message}`;
  if (error instanceof errors.JWKSNoMatchingKey) return 'by a key that the issuer does not publish';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'by another key';
  return 'the key does not fit the algorithm';
}
