import { hash } from 'node:crypto';
import { canonical } from './canonical.js';

export type NamedSecret = Readonly<{ secret: string; version?: number }>;

/**
 * The secrets that one record names. A fleet that reads the same values again and again names the same ones: a list is written out and
 * stored once, and its records point to it.
 */
export class EventList {
  /** Canonical, as it stands in the bytes that are hashed. */
  readonly text: string;
  /** Its key in `org_event_lists`, hexadecimal. */
  readonly digest: string;

  constructor(readonly secrets: readonly NamedSecret[]) {
    this.text = canonical(secrets);
    this.digest = hash('sha256', this.text, 'hex');
  }
}
