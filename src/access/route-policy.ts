import { applyDecorators, createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { Unexpected } from '../errors/errors.js';
import type { Access, AnyAccess, Need } from './access.js';
import type { AnyClaim, Claim } from './claim.js';
import { ErrorView } from './error-view.js';
import type { Origin } from './caller.js';

/**
 * What a route asks for, written beside it and nowhere else: the authorize guard obeys it, OpenAPI shows it, and a route that declares
 * nothing keeps the service from starting.
 */
export type RoutePolicy = Readonly<{
  need: Need | 'nobody';
  action: string;
  where: Where;
  /** Whether the permission may be remembered: the method then gets a `Claim`, which the ledger proves before the answer leaves. */
  isClaimed: boolean;
}>;

/**
 * In which scope the permission is needed. `path`: the one in the URL. `body` and `query`: narrower than the URL's, if the body or the query
 * names a project or an environment. `below`: anywhere at, above or below the URL's; the service then looks at each thing's own scope.
 */
export type Where = 'path' | 'body' | 'query' | 'below';

export const ROUTE_POLICY = 'coffer:route-policy';

/** What a method must look like whose first argument is the proof of `P`. */
type Proven<P extends Need> = (access: Access<P>, ...rest: never[]) => unknown;

/** And one whose first argument is a claim to `P`. */
type Claiming<P extends Need> = (claim: Claim<P>, ...rest: never[]) => unknown;

type Decorates<M> = <T extends M>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => void;

/**
 * The route's permission. `action` is the one word for it everywhere: in the audit trail, and (in camel case) as its operationId.
 * `envelope` is the shape of its errors.
 * The method's first argument must be `@Proof() access: Access<P>` of the same permission, or it does not compile.
 */
export function Requires<P extends Need>(
  need: P,
  action: string,
  summary: string,
  where: Where = 'path',
  envelope: new () => object = ErrorView,
): Decorates<Proven<P>> {
  return permission({ need, action, where, isClaimed: false }, need, summary, envelope);
}

/**
 * The same for a read that may be answered from memory. The method's first argument must be `@Claimed() claim: Claim<P>`, which it can do
 * nothing with but hand it to the ledger.
 */
export function Claims<P extends Need>(need: P, action: string, summary: string): Decorates<Claiming<P>> {
  return permission({ need, action, where: 'path', isClaimed: true }, need, summary, ErrorView);
}

function permission(
  policy: RoutePolicy,
  need: Need,
  summary: string,
  envelope: new () => object,
): MethodDecorator {
  return applyDecorators(
    SetMetadata(ROUTE_POLICY, policy),
    ApiOperation({ operationId: operationId(policy.action), summary }),
    ApiExtension('x-permission', need),
    ApiBearerAuth(),
    ApiResponse({ status: 401, description: 'No valid credential.', type: envelope }),
    ApiResponse({
      status: 403,
      description: FORBIDDEN[need] ?? `Lacks the permission ${need}.`,
      type: envelope,
    }),
    ApiResponse({ status: 404, description: 'Does not exist, or may not be seen.', type: envelope }),
  );
}

const FORBIDDEN: Partial<Record<Need, string>> = {
  visible: 'The credential may not do this.',
  user: 'A service token cannot do this.',
  caller: 'The credential may not do this.',
};

const IGNORES_UNKNOWN = 'coffer:ignores-unknown';

/** A controller for clients that send more than its routes know: other fields and parameters mean nothing there, and are not refused. */
export function IgnoresUnknown(): ClassDecorator {
  return SetMetadata(IGNORES_UNKNOWN, true);
}

export function ignoresUnknown(controller: object): boolean {
  return Reflect.getMetadata(IGNORES_UNKNOWN, controller) === true;
}

/** A route for everybody, without a credential. */
export function Public(action: string, summary: string): MethodDecorator {
  const policy: RoutePolicy = { need: 'nobody', action, where: 'path', isClaimed: false };
  return applyDecorators(
    SetMetadata(ROUTE_POLICY, policy),
    ApiOperation({ operationId: operationId(action), summary, security: [] }),
    ApiExtension('x-permission', 'public'),
  );
}

/** `secret.value-set` → `secretValueSet`. */
export function operationId(action: string): string {
  return action.replaceAll(/[.-]([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

const ACCESS = Symbol('access');
const CLAIM = Symbol('claim');
const ORIGIN = Symbol('origin');

type Carrier = { [ACCESS]?: AnyAccess; [CLAIM]?: AnyClaim; [ORIGIN]?: Origin };

/** For the guards: what they found out, laid beside the request. */
export function carryAccess(request: object, access: AnyAccess): void {
  (request as Carrier)[ACCESS] = access;
}

export function carryClaim(request: object, claim: AnyClaim): void {
  (request as Carrier)[CLAIM] = claim;
}

/** The claim that a request was let in with, if it was one. */
export function claimOf(request: object): AnyClaim | undefined {
  return (request as Carrier)[CLAIM];
}

export function carryOrigin(request: object, origin: Origin): void {
  (request as Carrier)[ORIGIN] = origin;
}

export function originOf(request: object): Origin {
  const origin = (request as Carrier)[ORIGIN];
  if (origin === undefined) throw new Unexpected('a request came in without its origin');
  return origin;
}

/** The proof that the authorize guard made. */
export const Proof = createParamDecorator((_: unknown, context: ExecutionContext): AnyAccess => {
  const access = context.switchToHttp().getRequest<Carrier>()[ACCESS];
  if (access === undefined) throw new Unexpected('a route was reached without its proof');
  return access;
});

/** What the authorize guard remembers of the caller's right. */
export const Claimed = createParamDecorator((_: unknown, context: ExecutionContext): AnyClaim => {
  const claim = claimOf(context.switchToHttp().getRequest<object>());
  if (claim === undefined) throw new Unexpected('a route was reached without its claim');
  return claim;
});

/** From where a request comes, for routes without a credential. */
export const From = createParamDecorator((_: unknown, context: ExecutionContext): Origin => {
  return originOf(context.switchToHttp().getRequest<object>());
});
