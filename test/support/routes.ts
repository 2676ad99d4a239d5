import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ROUTE_POLICY, type RoutePolicy } from '../../src/access/route-policy.js';

export type Route = Readonly<{ method: string; path: string; policy: RoutePolicy }>;

/** The routes of the running application, out of its own controllers: `/{o}/{p}/envs/{envName}/secrets`. */
export function routesOf(app: NestFastifyApplication): Route[] {
  const scanner = app.get(MetadataScanner, { strict: false });
  return app
    .get(DiscoveryService, { strict: false })
    .getControllers()
    .flatMap(({ instance, metatype }) => {
      const prototype = Object.getPrototypeOf(instance) as Record<string, () => unknown>;
      const base: string = Reflect.getMetadata(PATH_METADATA, metatype as object);
      return scanner.getAllMethodNames(prototype).flatMap((name) => {
        const handler = prototype[name];
        const method: RequestMethod | undefined = Reflect.getMetadata(METHOD_METADATA, handler as object);
        if (method === undefined) return [];
        const own: string = Reflect.getMetadata(PATH_METADATA, handler as object);
        const path = `/${base}/${own}`
          .replaceAll(/\/+/g, '/')
          .replace(/(.)\/$/, '$1')
          .replaceAll(/:(\w+)/g, '{$1}');
        const policy: RoutePolicy = Reflect.getMetadata(ROUTE_POLICY, handler as object);
        return [{ method: RequestMethod[method], path, policy }];
      });
    })
    .sort((a, b) => `${a.path} ${a.method}`.localeCompare(`${b.path} ${b.method}`));
}
