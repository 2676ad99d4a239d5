import { applyDecorators, createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { Unexpected } from '../errors/errors.js';
import type { Access, AnyAccess, Need } from './access.js';
import { ErrorView } from './error-view.js';
import type { Origin } from './caller.js';

/**
 * What a route asks for, written beside it and nowhere else: the authorize guard obeys it, OpenAPI shows it, and a route that declares
 * nothing keeps the service from starting.
 */
export type RoutePolicy = Readonly<{ need: Need | 'nobody'; action: string; where: Where }>;

/**
 * In which scope the permission is needed. `path`: the one in the URL. `body` and `query`: narrower than the URL's, if the body or the query
 * names a project or an environment. `below`: anywhere at, above or below the URL's; the service then looks at each thing's own scope.
 */
export type Where = 'path' | 'body' | 'query' | 'below';

export const ROUTE_POLICY = 'coffer:route-policy';

/** What a method must look like whose first argument is the proof of `P`. */
type Proven<P extends Need> = (access: Access<P>, ...rest: never[]) => unknown;

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
) {
  const policy: RoutePolicy = { need, action, where };
  const apply = applyDecorators(
    SetMetadata(ROUTE_POLICY, policy),
    ApiOperation({ operationId: operationId(action), summary }),
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
  return <T extends Proven<P>>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<T>,
  ): void => {
    apply(target, key, descriptor);
  };
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
  const policy: RoutePolicy = { need: 'nobody', action, where: 'path' };
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
const ORIGIN = Symbol('origin');

type Carrier = { [ACCESS]?: AnyAccess; [ORIGIN]?: Origin };

/** For the guards: what they found out, laid beside the request. */
export function carryAccess(request: object, access: AnyAccess): void {
  (request as Carrier)[ACCESS] = access;
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

/** From where a request comes, for routes without a credential. */
export const From = createParamDecorator((_: unknown, context: ExecutionContext): Origin => {
  return originOf(context.switchToHttp().getRequest<object>());
});
