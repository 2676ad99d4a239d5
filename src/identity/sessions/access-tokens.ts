import { createSecretKey, randomUUID, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import type { Config } from '../../config/config.js';
import { httpUrl } from '../../config/network.js';
import { CONFIG } from '../../config/token.js';
import { ServiceKeys } from '../../crypto/service-keys.js';
import { isUuid } from '../../access/uuid.js';

export const ACCESS_TOKEN_SECONDS = 15 * 60;

const ALGORITHM = 'HS256';
const AUDIENCE = 'coffer/session';
const HEADER = { alg: ALGORITHM, typ: 'at+jwt' } as const;

/** Every access token begins with exactly these bytes. */
const WRITTEN_HEADER = `${Buffer.from(JSON.stringify(HEADER)).toString('base64url')}.`;

/** `until`: when the token ends, in milliseconds. */
export type AccessClaims = Readonly<{ userId: string; sessionId: string; until: number }>;

/** A session's access tokens: JWTs (RFC 7519, typed as RFC 9068 says) under a key that every node of this database derives. */
@Injectable()
export class AccessTokens {
  /** As a key object: bytes the library would first try to read as a private key, for milliseconds. */
  readonly key: KeyObject;
  readonly verification: Readonly<{ algorithms: [typeof ALGORITHM]; audience: string; issuer?: string }>;
  private readonly jwt: JwtService;
  private readonly issuer: string;

  constructor(keys: ServiceKeys, @Inject(CONFIG) config: Config) {
    this.key = createSecretKey(keys.derive('session-signing'));
    this.issuer = config.publicUrl ?? httpUrl(config.listen);
    this.jwt = new JwtService({ secret: this.key });
    // Without a public URL the issuer is wherever the node happened to listen: another node, or this one after a restart, may differ.
    const issuer = config.publicUrl === null ? {} : { issuer: config.publicUrl };
    this.verification = { algorithms: [ALGORITHM], audience: AUDIENCE, ...issuer };
  }

  sign({ userId, sessionId }: Omit<AccessClaims, 'until'>): string {
    return this.jwt.sign(
      { sid: sessionId },
      {
        header: HEADER,
        algorithm: ALGORITHM,
        audience: AUDIENCE,
        issuer: this.issuer,
        subject: userId,
        // Two of one second differ as well.
        jwtid: randomUUID(),
        expiresIn: ACCESS_TOKEN_SECONDS,
      },
    );
  }
}

/** Only our own header is believed, byte for byte: no other algorithm or type, no `kid`, `jku`, `jwk`, `x5u` or `crit` is ever looked at. */
export function hasOurHeader(token: string): boolean {
  return token.startsWith(WRITTEN_HEADER);
}

/** What a verified payload says, or null: the library lets a missing end and a list of audiences pass. */
export function claimsOf(payload: unknown): AccessClaims | null {
  if (typeof payload !== 'object' || payload === null) return null;
  const { sub, sid, aud, exp } = payload as Readonly<Record<string, unknown>>;
  if (typeof sub !== 'string' || typeof sid !== 'string' || !isUuid(sub) || !isUuid(sid)) return null;
  return typeof aud === 'string' && typeof exp === 'number'
    ? { userId: sub, sessionId: sid, until: exp * 1000 }
    : null;
}
