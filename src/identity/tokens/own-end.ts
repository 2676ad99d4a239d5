import type { Caller } from '../../access/caller.js';
import { firstRow, type Transaction } from '../../database/transaction.js';

/**
 * The boundary rule in time: a token that ends makes no token of its own kind that outlives it. Otherwise whoever finds one would keep it for ever.
 */
export async function wouldOutlive(
  tx: Transaction,
  caller: Caller,
  expiresAt: string | undefined,
): Promise<boolean> {
  const end = await ownEnd(tx, caller);
  return end !== null && (expiresAt === undefined || new Date(expiresAt) > end);
}

export const OUTLIVES =
  'A token cannot make one that lives longer than itself: give expiresAt, no later than its own.';

async function ownEnd(tx: Transaction, caller: Caller): Promise<Date | null> {
  if (caller.kind === 'user' && caller.by.kind === 'session') return null;
  const row = await firstRow<{ expires_at: Date | null }>(tx, ...selectEnd(caller));
  return row?.expires_at ?? null;
}

function selectEnd(caller: Caller): [sql: string, parameters: string[]] {
  if (caller.kind === 'user') return ['select expires_at from personal_tokens where id = $1', [caller.by.id]];
  return caller.federated === undefined
    ? [
        'select expires_at from service_tokens where org_id = $1 and id = $2',
        [caller.org.id, caller.token.id],
      ]
    : [
        'select expires_at from federated_tokens where org_id = $1 and id = $2',
        [caller.org.id, caller.federated.tokenId],
      ];
}
