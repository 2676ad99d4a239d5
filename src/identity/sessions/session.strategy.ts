import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import passport from 'passport';
import { Strategy } from 'passport-jwt';
import type { UserCaller } from '../../access/caller.js';
import { credentialOf } from '../../access/credential.js';
import { originOf } from '../../access/route-policy.js';
import { Unauthorized } from '../../errors/errors.js';
import { AccessTokens, claimsOf, hasOurHeader } from './access-tokens.js';
import { Sessions } from './sessions.js';

/** A session's access token → the user, fresh from the database. A session that has ended is refused at once, on every node. */
@Injectable()
export class SessionStrategy extends PassportStrategy(Strategy) {
  constructor(
    tokens: AccessTokens,
    private readonly sessions: Sessions,
  ) {
    super({
      jwtFromRequest: (request: FastifyRequest) => credentialOf(request.raw),
      secretOrKeyProvider: (
        _request: FastifyRequest,
        token: string,
        done: (problem: Error | null, key?: Buffer) => void,
      ) => {
        // Passport's types know bytes only; the library below takes a key object as it is.
        if (hasOurHeader(token)) done(null, tokens.key as unknown as Buffer);
        else done(new Unauthorized('the header is not that of a session token'));
      },
      ...tokens.verification,
      passReqToCallback: true,
    });
    // Passport's table of strategies belongs to the process. Two services in one process must not answer with each other's sessions.
    this.name = `session-${randomUUID()}`;
    passport.use(this);
  }

  validate(request: FastifyRequest, payload: unknown): Promise<UserCaller> {
    const claims = claimsOf(payload);
    if (claims === null) throw new Unauthorized('the claims are not those of a session token');
    return this.sessions.callerOf(claims, originOf(request));
  }
}
