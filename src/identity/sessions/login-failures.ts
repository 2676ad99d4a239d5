import { firstRow, prepared, rows, type Transaction } from '../../database/transaction.js';
import { RateLimited } from '../../errors/errors.js';

/**
 * The lock against guessing: five failures for one account within 15 minutes, and for 15 minutes nobody learns whether a password is right.
 * It lives in the database, so that it holds across nodes and restarts. Every verdict on a password is made under the lock of the account's row:
 * however many guesses run at once, five are told that they were wrong and the others only that the account is locked.
 */
export const MOST_FAILURES = 5;

const WINDOW = `interval '15 minutes'`;
const LOCK = `interval '15 minutes'`;

const SECONDS_LEFT = 'greatest(1, ceil(extract(epoch from locked_until - clock_timestamp())))::integer';

/** How many long forgotten rows each failure clears away. */
const SWEPT_AT_ONCE = 10;

type State = Readonly<{ locked_for: number | null; recent: string[] }>;

/** A subquery: the seconds for which an account is still locked, or null. `account` is an SQL expression. Locks no row. */
export function lockedFor(account: string): string {
  return `(select ${SECONDS_LEFT} from login_failures where account = ${account} and locked_until > clock_timestamp())`;
}

/** What a failure came to: `locked` when it is the one that locks. */
export type Counted =
  Readonly<{ kind: 'counted'; locked: boolean }> | Readonly<{ kind: 'was-locked'; seconds: number }>;

/** Counts a wrong password, unless the account has been locked since it was looked at. */
export async function countFailure(tx: Transaction, account: string): Promise<Counted> {
  await sweep(tx);
  await rows(
    tx,
    `insert into login_failures (account, failed_at, forget_after) values ($1, '{}', clock_timestamp() + ${WINDOW})
     on conflict (account) do update set account = excluded.account`,
    [account],
  );
  const state = await stateOf(tx, account);
  if (state !== undefined && state.locked_for !== null)
    return { kind: 'was-locked', seconds: state.locked_for };
  const locked = (state?.recent.length ?? 0) + 1 >= MOST_FAILURES;
  await rows(
    tx,
    locked
      ? `update login_failures set failed_at = '{}', locked_until = clock_timestamp() + ${LOCK},
           forget_after = clock_timestamp() + ${LOCK} where account = $1`
      : `update login_failures set failed_at = $2::timestamptz[] || clock_timestamp(), locked_until = null,
           forget_after = clock_timestamp() + ${WINDOW} where account = $1`,
    locked ? [account] : [account, state?.recent ?? []],
  );
  return { kind: 'counted', locked };
}

/** After a right password: forgets the failures before it. Returns the seconds of a lock that came first, or null. */
export async function forgiveFailures(tx: Transaction, account: string): Promise<number | null> {
  const state = await stateOf(tx, account);
  if (state === undefined) return null;
  if (state.locked_for !== null) return state.locked_for;
  await rows(tx, 'delete from login_failures where account = $1', [account]);
  return null;
}

export function lockedOut(seconds: number): RateLimited {
  return new RateLimited(
    seconds,
    'Too many failed attempts for this login. Wait as long as Retry-After says.',
  );
}

const LOCK_STATE = prepared(`
  select case when locked_until > clock_timestamp() then ${SECONDS_LEFT} end as locked_for,
    array(select t::text from unnest(failed_at) as t where t > clock_timestamp() - ${WINDOW}) as recent
  from login_failures where account = $1 for update`);

function stateOf(tx: Transaction, account: string): Promise<State | undefined> {
  return firstRow<State>(tx, LOCK_STATE, [account]);
}

async function sweep(tx: Transaction): Promise<void> {
  await rows(
    tx,
    `delete from login_failures where account in (
       select account from login_failures where forget_after < clock_timestamp()
       order by forget_after limit $1 for update skip locked)`,
    [SWEPT_AT_ONCE],
  );
}
