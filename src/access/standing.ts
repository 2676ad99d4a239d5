import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { Unexpected } from '../errors/errors.js';

/**
 * Whether what a request was let in with still holds: for answers that go on for as long as somebody listens, and must end when the right
 * does. Carried beside the request by the guards, because only they know how a right is found out.
 */
export interface Standing {
  /** The same for requests with the same credential, address, route and scope: one look then serves them all. Never the credential itself. */
  readonly key: string;
  /** False once the credential or the right has ended. Throws when that cannot be found out. */
  holds(): Promise<boolean>;
}

const STANDING = Symbol('standing');

type Carrier = { [STANDING]?: Standing };

export function carryStanding(request: object, standing: Standing): void {
  (request as Carrier)[STANDING] = standing;
}

export const StandingOf = createParamDecorator((_: unknown, context: ExecutionContext): Standing => {
  const standing = context.switchToHttp().getRequest<Carrier>()[STANDING];
  if (standing === undefined) throw new Unexpected('a route was reached without its standing');
  return standing;
});
