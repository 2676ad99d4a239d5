import type { FastifyInstance, FastifyRequest } from 'fastify';
import findMyWay from 'find-my-way';
import { CofferError } from '../errors/errors.js';

/**
 * Knows which methods each path has, so that a wrong one is told as such (405 with `Allow`) and not as a missing path. Fastify's router
 * answers only whether a method and a path match together.
 */
export class KnownPaths {
  private readonly methodsOf = new Map<string, Set<string>>();

  constructor(fastify: FastifyInstance) {
    fastify.addHook('onRoute', ({ method, url }) => {
      const methods = this.methodsOf.get(url) ?? new Set<string>();
      for (const one of typeof method === 'string' ? [method] : method) methods.add(one);
      this.methodsOf.set(url, methods);
    });
  }

  /** To be called when all routes are known: answers the methods of the path that a URL means, or null. */
  finder(): (url: string) => readonly string[] | null {
    const router = findMyWay({ maxParamLength: LONGEST_PARAMETER });
    for (const [path, methods] of this.methodsOf) {
      if (path === '*' || path === '/*') continue;
      router.on('GET', path, () => undefined, [...methods].sort());
    }
    return (url) => {
      try {
        const found: unknown = router.find('GET', url.split('?', 1)[0] ?? '')?.store;
        return Array.isArray(found) ? found.filter((method) => typeof method === 'string') : null;
      } catch {
        return null;
      }
    };
  }
}

/** Node refuses longer request lines by itself: no name is cut off by the router. */
export const LONGEST_PARAMETER = 16_384;

/** For requests that no route matched. A missing credential is told first: `authenticate` throws it. */
export async function refuseMethod(
  request: FastifyRequest,
  methodsAt: (url: string) => readonly string[] | null,
  authenticate: (request: FastifyRequest) => Promise<unknown>,
): Promise<void> {
  const methods = methodsAt(request.url);
  if (methods === null) return;
  if (!isPublic(request.url)) await authenticate(request);
  throw new CofferError('method_not_allowed', 'This path has other methods only: see the Allow header.', {
    allow: methods,
  });
}

const PUBLIC =
  /^\/(healthz|readyz|openapi\.json|docs|auth\/(signup|login|refresh|federation\/token))(?:[/?]|$)/;

function isPublic(url: string): boolean {
  return PUBLIC.test(url);
}
