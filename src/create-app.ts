import 'reflect-metadata';
import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule, type Parts } from './app.module.js';
import { OpenApi } from './http/openapi.js';
import { httpAdapter, setUpHttp } from './http/setup.js';

/** The whole service, ready to listen: the same for `main` and for the tests. */
export async function createApp(parts: Parts, logger: LoggerService): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.of(parts), httpAdapter(), {
    logger,
    bodyParser: false,
    abortOnError: false,
    forceCloseConnections: false,
  });
  setUpHttp(app, parts.config.trustedProxies);
  app.get(OpenApi).describe(app);
  return app;
}
