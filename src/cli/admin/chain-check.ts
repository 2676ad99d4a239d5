import { hashOf, type Link } from '../../audit/hash-chain.js';
import type { AuditEvent } from '../../audit/audit-event.js';
import { isRecord } from '../json.js';

/** A sentence that names a record and says what became of it. */
export type Finding = string;

type Range = { from: number; to: number };

const KEYS = [
  'seq',
  'at',
  'actor',
  'action',
  'resource',
  'outcome',
  'ip',
  'userAgent',
  'requestId',
  'prevHash',
  'hash',
];

/** Follows a chain record by record, in the order of a file, and names what does not fit. Remembers gaps and not records. */
export class ChainCheck {
  readonly findings: Finding[] = [];
  /** The latest record in the chain's own order. */
  last: Link | null;
  count = 0;

  #missing: Range[] = [];

  /** `start`: what the first record must follow from, where that is known. */
  constructor(start: Link | null = null) {
    this.last = start;
  }

  /** What stands in a line, as it was parsed. Gives back whether it was a record at all. */
  add(data: unknown): boolean {
    if (!isEvent(data)) return false;
    this.count += 1;
    const { seq } = data;
    if (!fits(data))
      this.findings.push(`record ${String(seq)} was changed: its content does not fit its hash`);
    const next = (this.last?.seq ?? 0) + 1;
    if (seq < next) this.#late(seq);
    else this.#follow(data, next);
    return true;
  }

  /** To be called at the end: what is missing may have come late. */
  finish(): void {
    for (const { from, to } of this.#missing) this.findings.push(`${rangeName(from, to)} missing`);
    this.#missing = [];
  }

  /** What the head was signed for is the last record. To be called at the end. */
  compareWith(head: Link): void {
    const { findings, last } = this;
    const end = last?.seq ?? 0;
    if (head.seq > end) findings.push(`${rangeName(end + 1, head.seq)} cut off at the end`);
    else if (head.seq < end)
      findings.push(
        `${rangeName(head.seq + 1, end)} not covered by the head: something was added, or the head is an older one`,
      );
    else if (last !== null && last.hash !== head.hash)
      findings.push(`record ${String(end)} is not the one that the head was signed for`);
  }

  #follow({ seq, hash, prevHash }: AuditEvent, next: number): void {
    if (seq > next) this.#missing.push({ from: next, to: seq - 1 });
    else if (this.last !== null && prevHash !== this.last.hash) {
      this.findings.push(
        seq === 1
          ? 'record 1 does not begin this chain: it is not what was written, or another’s'
          : `record ${String(seq)} does not follow from record ${String(seq - 1)}: one of the two is not what was written`,
      );
    }
    this.last = { seq, hash };
  }

  #late(seq: number): void {
    const gap = this.#missing.find(({ from, to }) => from <= seq && seq <= to);
    const latest = String(this.last?.seq ?? 0);
    if (gap === undefined) {
      this.findings.push(`record ${String(seq)} is there more than once`);
      return;
    }
    this.findings.push(`record ${String(seq)} stands after record ${latest}: the order was changed`);
    const rest = [
      { from: gap.from, to: seq - 1 },
      { from: seq + 1, to: gap.to },
    ].filter(({ from, to }) => from <= to);
    this.#missing = this.#missing.flatMap((each) => (each === gap ? rest : [each]));
  }
}

/** `record 5 is`, `records 5 to 7 are`. */
function rangeName(from: number, to: number): string {
  return from === to ? `record ${String(from)} is` : `records ${String(from)} to ${String(to)} are`;
}

function fits(event: AuditEvent): boolean {
  try {
    return hashOf(event) === event.hash;
  } catch {
    // What no event can hold was not written by the service.
    return false;
  }
}

/** Exactly the fields of an event: one more would not be covered by the hash. */
function isEvent(data: unknown): data is AuditEvent {
  if (!isRecord(data) || !isRecord(data['actor']) || !isRecord(data['resource'])) return false;
  const keys = Object.keys(data);
  const hasKeys = keys.length === KEYS.length && KEYS.every((key) => Object.hasOwn(data, key));
  const hasActor = Object.keys(data['actor']).sort().join() === 'id,name,type';
  const { seq, hash, prevHash } = data;
  const isLinked = typeof hash === 'string' && typeof prevHash === 'string';
  return hasKeys && hasActor && isLinked && Number.isSafeInteger(seq) && Number(seq) > 0;
}
