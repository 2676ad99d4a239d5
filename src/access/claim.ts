import type { Access, AnyAccess, Need } from './access.js';
import { READ_ANEW, type Basis } from './basis.js';

/**
 * That this caller holds `P` in this scope, as far as is remembered. Only the authorize guard makes one, and only the ledger opens one: so
 * nothing that is worked out with it leaves before its basis was compared with the database. When that does not hold, `prove` asks anew.
 */
export class Claim<P extends Need> {
  private proof: Promise<Access<P>> | null = null;

  private constructor(
    private readonly access: Access<P>,
    private readonly basis: Basis,
    private readonly askAnew: () => Promise<Access<P>>,
  ) {}

  /** To be called by `http/authorize.guard.ts` alone. Which permission it is about stands in the route's signature. */
  static remembered(access: AnyAccess, basis: Basis, askAnew: () => Promise<AnyAccess>): AnyClaim {
    return new Claim(access as Access<'caller'>, basis, askAnew as () => Promise<Access<'caller'>>);
  }

  /** Of what the database has just been asked. */
  static proven(access: AnyAccess): AnyClaim {
    return Claim.remembered(access, READ_ANEW, () => Promise.resolve(access));
  }

  /** To be called by `audit/ledger.ts` alone, which compares the basis before anything leaves. */
  static open<P extends Need>({ access, basis }: Claim<P>): Readonly<{ access: Access<P>; basis: Basis }> {
    return { access, basis };
  }

  /** Asks the database, once. Throws what the guards throw: `Unauthorized`, `NotFound`, `Forbidden`, each on record where it must be. */
  prove(): Promise<Access<P>> {
    this.proof ??= this.askAnew();
    return this.proof;
  }
}

export type AnyClaim = { [P in Need]: Claim<P> }[Need];
