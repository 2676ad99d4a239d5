import type { Basis } from '../access/basis.js';
import { CofferError, Unavailable } from '../errors/errors.js';
import type { AuditRecord } from './audit-event.js';
import type { Link } from './hash-chain.js';

/** A read that waits for its record, until it is told one of three things. Whatever comes after the first is not heard any more. */
export class WaitingRead {
  readonly since = Date.now();
  /** As which link it was sent in a flight whose end nobody saw; null when that was never the case. */
  sent: Link | null = null;
  private isOver = false;

  constructor(
    readonly orgId: string,
    readonly record: AuditRecord,
    readonly basis: Basis,
    private readonly told: {
      readonly held: (held: boolean) => void;
      readonly failed: (error: Error) => void;
      readonly over: (read: WaitingRead) => void;
    },
  ) {}

  get isSettled(): boolean {
    return this.isOver;
  }

  /** Its record is durable, and everything that it rests on was as it was remembered. */
  recorded(): void {
    if (this.end()) this.told.held(true);
  }

  /** What it rests on has changed. There is no record of it. */
  outdated(): void {
    if (this.end()) this.told.held(false);
  }

  /** If its record is written all the same, that tells of a read which nobody got. */
  fail(cause: unknown): void {
    if (this.end()) this.told.failed(cause instanceof CofferError ? cause : new Unavailable('audit', cause));
  }

  private end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.told.over(this);
    return true;
  }
}

/** By organisation, in the order in which they came. Those that are settled are left out. */
export function byOrg(reads: readonly WaitingRead[]): Map<string, WaitingRead[]> {
  const found = new Map<string, WaitingRead[]>();
  for (const read of reads) {
    if (read.isSettled) continue;
    const ofOrg = found.get(read.orgId);
    if (ofOrg === undefined) found.set(read.orgId, [read]);
    else ofOrg.push(read);
  }
  return found;
}
