import { Injectable, RequestMethod, type OnModuleInit } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { ROUTE_POLICY, type RoutePolicy } from '../access/route-policy.js';

/** Keeps the service from starting when a route does not say who may use it, or when two routes share an action. */
@Injectable()
export class RouteCheck implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  onModuleInit(): void {
    const seen = new Map<string, string>();
    const problems: string[] = [];
    for (const { name, handler } of this.handlers()) {
      const policy = this.reflector.get<RoutePolicy | undefined>(ROUTE_POLICY, handler);
      if (policy === undefined) problems.push(`${name} has neither @Requires nor @Public`);
      else if (seen.has(policy.action))
        problems.push(`${name} has the action of ${seen.get(policy.action) ?? ''}: ${policy.action}`);
      else seen.set(policy.action, name);
    }
    if (problems.length > 0) throw new Error(`The routes are not all guarded:\n- ${problems.join('\n- ')}`);
  }

  private *handlers(): Generator<{ name: string; handler: () => unknown }> {
    for (const { instance, metatype } of this.discovery.getControllers()) {
      const controller: unknown = instance;
      if (typeof controller !== 'object' || controller === null) continue;
      const prototype = Object.getPrototypeOf(controller) as object;
      for (const key of this.scanner.getAllMethodNames(prototype)) {
        const handler: unknown = Reflect.get(prototype, key);
        if (typeof handler !== 'function') continue;
        const method = this.reflector.get<RequestMethod | undefined>(
          METHOD_METADATA,
          handler as () => unknown,
        );
        if (method !== undefined)
          yield { name: `${metatype?.name ?? 'a controller'}.${key}`, handler: handler as () => unknown };
      }
    }
  }
}
