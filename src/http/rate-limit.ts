import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../access/caller.js';
import { originOf } from '../access/route-policy.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/token.js';
import type { GenerousLimit } from '../database/generous-limit.js';
import { SharedLimits } from '../database/shared-limits.js';
import { RateLimited } from '../errors/errors.js';

/** Far above what a pipeline or a person does, far below what a runaway loop or a guesser does. */
export const CREDENTIAL_LIMIT = { name: 'credential', points: 6_000, seconds: 60 } as const;
export const ADDRESS_LIMIT = { name: 'address', points: 1_200, seconds: 60 } as const;

/** What takes a right away must work in every storm, and whoever watches the service must always see it. */
export const NEVER_LIMITED: ReadonlySet<string> = new Set([
  ...['service.health', 'service.health-head', 'service.ready', 'service.ready-head'],
  ...['user.logout', 'session.end', 'personal-token.delete', 'service-token.delete'],
  ...['grant.take', 'member.remove', 'invitation.revoke', 'role.delete', 'trust.delete'],
]);

/** Limits count per credential; where there is none, or none that holds, per address. */
@Injectable()
export class RateLimit {
  private readonly credentials: GenerousLimit;
  private readonly addresses: GenerousLimit;
  private readonly counted = new WeakMap<FastifyRequest, string>();

  constructor(
    limits: SharedLimits,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.credentials = limits.generous(CREDENTIAL_LIMIT);
    this.addresses = limits.generous(ADDRESS_LIMIT);
  }

  /** Counts a request of a known caller: null when that is done, which it mostly is at once. Throws `RateLimited`. */
  countCaller(request: FastifyRequest, caller: Caller): null | Promise<void> {
    if (!this.config.rateLimit) return null;
    const key = caller.kind === 'user' ? caller.by.id : caller.token.id;
    this.counted.set(request, key);
    return within(this.credentials.take(key));
  }

  /** The same for a request without a credential that holds. */
  countAddress(request: FastifyRequest): null | Promise<void> {
    return this.config.rateLimit ? within(this.addresses.take(originOf(request).ip)) : null;
  }

  /** An answer of 304 is free: asking whether something is new must not be dearer than reading it blindly. */
  forgive(request: FastifyRequest): null | Promise<void> {
    const key = this.counted.get(request);
    return key === undefined ? null : this.credentials.giveBack(key);
  }
}

function within(taken: null | Promise<number | null>): null | Promise<void> {
  if (taken === null) return null;
  return taken.then((wait) => {
    if (wait !== null) throw new RateLimited(wait);
  });
}
