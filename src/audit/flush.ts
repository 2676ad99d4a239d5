import type { Basis } from '../access/basis.js';
import { compareStamps } from '../database/stamps.js';
import { prepared, rows, type Transaction } from '../database/transaction.js';
import { listed, type AuditEvent, type AuditRecord } from './audit-event.js';
import type { EventList } from './event-list.js';
import type { Addition } from './event-columns.js';
import { beginChain, headOf, type HeadRow } from './event-rows.js';
import { link, type Head, type Link } from './hash-chain.js';
import type { HeadSigner } from './head-signer.js';
import type { WaitingRead } from './waiting-read.js';

/** What a flush found: the heads that it locked, by organisation, whether a basis holds, and whether what was sent before is there. */
export type Found = Readonly<{
  heads: ReadonlyMap<string, Head>;
  holds: (basis: Basis) => boolean;
  isThere: (read: WaitingRead) => boolean;
}>;

// In order, so that two flushes never wait for each other in a circle.
const HEADS = `
  select org_id as owner, seq, hash, at, signature from org_chain_heads
  where org_id = any ($1::uuid[]) order by org_id for update`;
const LOCK = { skip: prepared(`${HEADS} skip locked`), wait: prepared(HEADS) };

/**
 * Locks the chains of these organisations, or those of them that nobody else holds, and reads the stamps that the reads rest on. The
 * stamps are read once the chains are locked: after every change that was acknowledged before.
 */
export async function lookForFlight(
  tx: Transaction,
  orgIds: readonly string[],
  reads: readonly WaitingRead[],
  signer: HeadSigner,
  held: 'skip' | 'wait',
): Promise<Found> {
  const [locked, holds, isThere] = await Promise.all([
    lockHeads(tx, orgIds, signer, held),
    compareStamps(
      tx,
      reads.map(({ basis }) => basis),
    ),
    findSent(tx, reads),
  ]);
  return { heads: new Map(locked.map((row) => [row.owner, headOf(row)])), holds, isThere };
}

/** Looked for behind the lock of the chain: whoever sent it has ended by then, one way or the other. */
async function findSent(
  tx: Transaction,
  reads: readonly WaitingRead[],
): Promise<(read: WaitingRead) => boolean> {
  const sent = reads.filter((read) => read.sent !== null);
  if (sent.length === 0) return () => false;
  const found = await rows<{ org_id: string; hash: Buffer }>(
    tx,
    `select org_id, hash from org_events e join unnest($1::uuid[], $2::bigint[]) as s (owner, number)
     on e.org_id = s.owner and e.seq = s.number`,
    [sent.map(({ orgId }) => orgId), sent.map((read) => read.sent?.seq)],
  );
  const hashes = new Set(found.map(({ org_id: orgId, hash }) => `${orgId}/${hash.toString('hex')}`));
  return ({ orgId, sent: link }) => link !== null && hashes.has(`${orgId}/${link.hash}`);
}

async function lockHeads(
  tx: Transaction,
  orgIds: readonly string[],
  signer: HeadSigner,
  held: 'skip' | 'wait',
): Promise<HeadRow[]> {
  const locked = await rows<HeadRow>(tx, LOCK[held], [orgIds]);
  if (locked.length > 0 || held === 'skip') return locked;
  for (const id of orgIds) await beginChain(tx, { kind: 'org', id }, signer);
  return rows<HeadRow>(tx, LOCK[held], [orgIds]);
}

/** The records as the next links of a chain. */
export function additionTo(
  owner: string,
  head: Head,
  records: readonly AuditRecord[],
  at: string,
  signer: HeadSigner,
): Addition {
  let last: Link = head;
  const lists = new Map<AuditEvent, EventList>();
  const events = records.map(listed).map((record) => {
    const event = link(last, record, at);
    if (record.list !== undefined) lists.set(event, record.list);
    last = event;
    return event;
  });
  return { owner, head: signer.sign(last, at), events, lists };
}
