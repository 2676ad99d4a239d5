import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../access/caller.js';
import { originOf } from '../access/route-policy.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/token.js';
import { SharedLimits, type SharedLimit } from '../database/shared-limit.js';
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
  private readonly credentials: SharedLimit;
  private readonly addresses: SharedLimit;
  private readonly counted = new WeakMap<FastifyRequest, string>();

  constructor(
    limits: SharedLimits,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.credentials = limits.of(CREDENTIAL_LIMIT);
    this.addresses = limits.of(ADDRESS_LIMIT);
  }

  get isOn(): boolean {
    return this.config.rateLimit;
  }

  /** Counts a request of a known caller. Throws `RateLimited`. */
  async countCaller(request: FastifyRequest, caller: Caller): Promise<void> {
    if (!this.isOn) return;
    const key = caller.kind === 'user' ? caller.by.id : caller.token.id;
    await this.count(this.credentials, key);
    this.counted.set(request, key);
  }

  /** Counts a request without a credential that holds. */
  async countAddress(request: FastifyRequest): Promise<void> {
    await this.count(this.addresses, originOf(request).ip);
  }

  /** An answer of 304 is free: asking whether something is new must not be dearer than reading it blindly. */
  async forgive(request: FastifyRequest): Promise<void> {
    const key = this.counted.get(request);
    if (key !== undefined) await this.credentials.giveBack(key);
  }

  private async count(limit: SharedLimit, key: string): Promise<void> {
    if (!this.isOn) return;
    const wait = await limit.take(key);
    if (wait !== null) throw new RateLimited(wait);
  }
}
