import { randomUUID } from 'node:crypto';
import type { LoggerService } from '@nestjs/common';
import type { Actor, Origin } from '../../access/caller.js';
import type { AuditRecord, Resource } from '../../audit/audit-event.js';
import { Audit } from '../../audit/audit.js';
import { HeadSigner } from '../../audit/head-signer.js';
import type { KeyProvider } from '../../crypto/key-provider.js';
import { Keyring } from '../../crypto/keyring.js';
import { ServiceKeys } from '../../crypto/service-keys.js';
import { openServicePool } from '../../data-source.js';
import { Database } from '../../database/database.js';
import { version } from '../version.js';
import { asOwner, requireThisVersion, type Site } from './site.js';

/**
 * The floors that the service's features stand on, made as the service makes them: the same role, the same policies, the same deadlines. So a
 * command can do nothing to a tenant's rows that the service could not, and what it does is on record in the same way.
 */
export type Foundation = Readonly<{ database: Database; audit: Audit; keyring: Keyring; signer: HeadSigner }>;

export async function onFoundation<T>(
  site: Site,
  provider: KeyProvider,
  work: (foundation: Foundation) => Promise<T>,
): Promise<T> {
  await asOwner(site, requireThisVersion);
  const pool = await openServicePool(site.url, SILENT);
  try {
    const database = new Database(pool);
    const keys = await ServiceKeys.load(database, provider);
    const signer = new HeadSigner(keys.deriveSigningKey('audit-signing').privateKey);
    const keyring = new Keyring(database, provider);
    try {
      return await work({ database, audit: new Audit(database, signer), keyring, signer });
    } finally {
      keyring.onApplicationShutdown();
    }
  } finally {
    await pool.destroy();
  }
}

const ACTOR: Actor = { type: 'system', id: null, name: 'coffer admin' };

/** One for all records of one run, as a request has one. */
const ORIGIN: Origin = { ip: 'local', userAgent: `coffer-admin/${version()}`, requestId: randomUUID() };

/** The record of something that the operator of the service did. */
export function recordOf(action: string, resource: Resource): AuditRecord {
  return { actor: ACTOR, origin: ORIGIN, action, resource, outcome: 'allowed' };
}

/** How many tenants are worked on at a time. */
const AT_A_TIME = 4;

/** Does `work` for every item, a few at a time. The first failure ends it, when what has begun is done. */
export async function forEach<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let next = left.next(); next.done !== true && !failed; next = left.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: AT_A_TIME }, worker));
  for (const each of ended) if (each.status === 'rejected') throw each.reason;
}

const SILENT: LoggerService = {
  log: () => undefined,
  error: () => undefined,
  warn: () => undefined,
};
