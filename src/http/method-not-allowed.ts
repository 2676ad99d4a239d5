import type { FastifyInstance, FastifyRequest } from 'fastify';
import findMyWay from 'find-my-way';
import { CofferError } from '../errors/errors.js';

/**
 * Knows which methods each path has, so that a wrong one is told as such (405 with `Allow`) and not as a missing path. Fastify's router
 * answers only whether a method and a path match together: without the method it goes on to a less exact path, if one fits.
 */
export class KnownPaths {
  private readonly methodsOf = new Map<string, Set<string>>();
  private readonly overlapped = new Map<string, boolean>();

  constructor(fastify: FastifyInstance) {
    fastify.addHook('onRoute', ({ method, url }) => {
      const methods = this.methodsOf.get(url) ?? new Set<string>();
      for (const one of typeof method === 'string' ? [method] : method) methods.add(one);
      this.methodsOf.set(url, methods);
    });
  }

  /** Whether a request that matched this path with its method might have meant a more exact one: then `finder` has to be asked. */
  mayBeAnother(path: string): boolean {
    const known = this.overlapped.get(path);
    if (known !== undefined) return known;
    const found = [...this.methodsOf.keys()].some(
      (other) => other !== path && !EVERYTHING.has(other) && overlap(path, other),
    );
    this.overlapped.set(path, found);
    return found;
  }

  /** To be called when all routes are known: answers the most exact path that a URL fits, or null. */
  finder(): (url: string) => KnownPath | null {
    const router = findMyWay({ maxParamLength: LONGEST_PARAMETER });
    for (const path of this.methodsOf.keys()) {
      if (!EVERYTHING.has(path)) router.on('GET', path, () => undefined, path);
    }
    return (url) => {
      try {
        const path: unknown = router.find('GET', url.split('?', 1)[0] ?? '')?.store;
        return typeof path === 'string'
          ? { path, methods: [...(this.methodsOf.get(path) ?? [])].sort() }
          : null;
      } catch {
        return null;
      }
    };
  }
}

/** What Fastify itself adds for whatever nothing else fits. */
const EVERYTHING: ReadonlySet<string> = new Set(['*', '/*']);

/** Whether some URL fits both. */
function overlap(one: string, other: string): boolean {
  const ours = one.split('/');
  const theirs = other.split('/');
  for (const [index, part] of ours.entries()) {
    const counterpart = theirs[index];
    if (part === '*' || counterpart === '*') return true;
    const isFree = part.startsWith(':') || counterpart?.startsWith(':') === true;
    if (counterpart === undefined || (part !== counterpart && !isFree)) return false;
  }
  return ours.length === theirs.length || theirs[ours.length] === '*';
}

export type KnownPath = Readonly<{ path: string; methods: readonly string[] }>;

/** Node refuses longer request lines by itself: no name is cut off by the router. */
export const LONGEST_PARAMETER = 16_384;

/** Refuses a method that the path does not have. A missing credential is told first: `authenticate` throws it. */
export async function refuseMethod(
  request: FastifyRequest,
  pathAt: (url: string) => KnownPath | null,
  authenticate: (request: FastifyRequest) => Promise<unknown>,
): Promise<void> {
  const known = pathAt(request.url);
  if (known === null || known.methods.includes(request.method)) return;
  if (!isPublic(request.url)) await authenticate(request);
  throw new CofferError('method_not_allowed', 'This path has other methods only: see the Allow header.', {
    allow: known.methods,
  });
}

const PUBLIC =
  /^\/(healthz|readyz|openapi\.json|docs|auth\/(signup|login|refresh|federation\/token))(?:[/?]|$)/;

function isPublic(url: string): boolean {
  return PUBLIC.test(url);
}
