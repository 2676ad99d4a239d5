import { CofferError, Unavailable } from '../errors/errors.js';

/** What PostgreSQL refused, read from its SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
type Refusal = Readonly<{ code: string; constraint: string | undefined }>;

function refusalOf(error: unknown): Refusal | null {
  if (typeof error !== 'object' || error === null) return null;
  const cause = 'driverError' in error ? error.driverError : error;
  if (typeof cause !== 'object' || cause === null || !('code' in cause) || typeof cause.code !== 'string')
    return null;
  const constraint =
    'constraint' in cause && typeof cause.constraint === 'string' ? cause.constraint : undefined;
  return { code: cause.code, constraint };
}

/** The SQLSTATE of what PostgreSQL refused, or undefined when it was not PostgreSQL. */
export function sqlStateOf(error: unknown): string | undefined {
  return refusalOf(error)?.code;
}

/** Whether the error is a broken unique constraint or unique index of that name. */
export function breaksUnique(error: unknown, constraint: string): boolean {
  const refusal = refusalOf(error);
  return refusal?.code === '23505' && refusal.constraint === constraint;
}

/** Whether a row that this one points to is gone; only by one of these constraints, when they are named. */
export function breaksForeignKey(error: unknown, constraints?: readonly string[]): boolean {
  const refusal = refusalOf(error);
  if (refusal?.code !== '23503') return false;
  return constraints === undefined || constraints.includes(refusal.constraint ?? '');
}

/** Deadlock or serialisation failure: the same work can simply be done once more. */
export function isRetryable(error: unknown): boolean {
  const code = refusalOf(error)?.code;
  return code === '40P01' || code === '40001';
}

// Class 40 is here for what was tried again and failed again.
const UNREACHABLE = /^(08|40|53|57P|58)|^(57014|55P03|25006|25P03)$|^E[A-Z]+$/;
// TypeORM releases a connection by itself as soon as it is lost.
const LOST = /terminat|timeout|closed|ECONN|not queryable|Cannot use a pool|already released/i;

/** Whether the database cannot be asked right now; what was asked may be right. */
export function isOutage(error: unknown): boolean {
  const code = refusalOf(error)?.code;
  if (code !== undefined) return UNREACHABLE.test(code);
  return error instanceof Error && LOST.test(error.message);
}

/** Turns what stands for "the database cannot be asked right now" into `Unavailable`; everything else stays what it is. */
export function translateOutage(error: unknown): unknown {
  if (error instanceof CofferError) return error;
  return isOutage(error) ? new Unavailable('database', error) : error;
}

/** Its words. A host with several addresses fails with one error for each, gathered in one without a text of its own. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error);
}
