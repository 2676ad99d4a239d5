import type { Permission } from '../access/permissions.js';
import type { Plaintext } from '../crypto/plaintext.js';

/** One step of a request that changes many secrets at once. */
export type Change =
  | Readonly<{ op: 'declare' | 'describe'; name: string; description: string | null }>
  | Readonly<{ op: 'set'; name: string; value: Plaintext }>
  | Readonly<{ op: 'delete'; name: string }>;

export type ChangeOp = Change['op'];

/** What each step needs of whoever asks: the same as its own route does. */
export const PERMISSION_OF: Readonly<Record<ChangeOp, Permission>> = {
  declare: 'secrets:write',
  describe: 'secrets:write',
  set: 'secrets:set-value',
  delete: 'secrets:write',
};

export const CHANGE_OPS = ['declare', 'describe', 'set', 'delete'] as const;

export function isChangeOp(op: unknown): op is ChangeOp {
  return typeof op === 'string' && Object.hasOwn(PERMISSION_OF, op);
}

/** What is wrong with one step: which one, about which secret (null when it names none), and why. */
export type ChangeProblem = Readonly<{ index: number; name: string | null; error: string }>;
