/** Another one after every change of what may be remembered of its subject: an organisation, an environment or a user. */
export type Stamp = Readonly<{ subject: string; stamp: string }>;

/**
 * What something rests on that was remembered and not read anew: the stamps that its subjects had when it was read, and the moment
 * (milliseconds) at which it ends by itself. It holds if every stamp is still the same when it is compared with the database's.
 */
export type Basis = Readonly<{ stamps: readonly Stamp[]; until: number }>;

/** Of what was read anew: there is nothing to compare. */
export const READ_ANEW: Basis = { stamps: [], until: Infinity };

/** Holds when all of these do. */
export function together(...all: readonly Basis[]): Basis {
  const stamps = new Map<string, Stamp>();
  let until = Infinity;
  for (const basis of all) {
    for (const one of basis.stamps) stamps.set(`${one.subject}${one.stamp}`, one);
    if (basis.until < until) until = basis.until;
  }
  return { stamps: [...stamps.values()], until };
}
