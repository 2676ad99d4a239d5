import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import { config as readSettings, ConfigError, type Config } from './config/config.js';
import { createApp } from './create-app.js';
import { LocalKeyProvider } from './crypto/local-key.provider.js';
import { readPreviousRootKey, readRootKey } from './crypto/root-key.js';
import { openServicePool } from './data-source.js';
import { startEmbeddedPostgres } from './database/embedded-postgres.js';
import { migrate } from './database/migrate.js';
import { JsonLog } from './http/log.js';
import { OpenApi } from './http/openapi.js';

/**
 * The process: settings, database, tables, service, and a clean end. On TERM and INT it stops accepting, lets what runs finish (10 s at the
 * most), stops the embedded database and exits 0. A start that cannot succeed says why and exits 78 for settings, 1 for the rest.
 */
const STOP_DEADLINE_MS = 10_000;

// Where there is much memory, V8 lets garbage grow to three times of what is in use before it looks for it.
setFlagsFromString('--heap-growing-percent=50');

type Running = { app?: NestFastifyApplication; dataSource?: DataSource; stopDatabase?: () => Promise<void> };

async function main(): Promise<void> {
  const config = readSettings();
  const log = new JsonLog(config.logLevel);
  const running: Running = {};
  const stopping = stopOnSignals(running, log);
  try {
    await start(config, log, running);
  } catch (error) {
    // A signal during the start ends it as cleanly as later.
    if (stopping.begun) return;
    await stop(running);
    throw error;
  }
}

async function start(config: Config, log: JsonLog, running: Running): Promise<void> {
  const databaseUrl = await prepareDatabase(config, log, running);
  const root = await readRootKey(config.rootKey, config.dataDir);
  const previous = await readPreviousRootKey(config.previousRootKey, config.dataDir);
  const dataSource = await openServicePool(databaseUrl, log);
  running.dataSource = dataSource;
  const app = await createApp({ config, dataSource, keyProvider: new LocalKeyProvider(root, previous) }, log);
  running.app = app;
  SwaggerModule.setup('docs', app, () => app.get(OpenApi).document, { raw: false });
  await listen(app, config);
  announce(addressOf(app, config), config);
}

async function prepareDatabase(config: Config, log: JsonLog, running: Running): Promise<string> {
  if (config.database !== null) {
    await migrate(config.database.migrationUrl);
    return config.database.url;
  }
  const embedded = await startEmbeddedPostgres({
    dataDir: config.dataDir,
    log: (line) => {
      log.debug(line, 'postgres');
    },
  });
  running.stopDatabase = () => embedded.stop();
  await migrate(embedded.url);
  return embedded.url;
}

async function listen(app: NestFastifyApplication, config: Config): Promise<void> {
  const { host, port } = config.listen;
  try {
    await app.listen(port, host);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new Error(
        `Port ${String(port)} on ${host} is taken. Free it, or choose another: COFFER_LISTEN=${host}:0`,
        { cause: error },
      );
    }
    throw error;
  }
}

function addressOf(app: NestFastifyApplication, config: Config): string {
  const address: unknown = app.getHttpServer().address();
  const port = (address as AddressInfo | null)?.port ?? config.listen.port;
  const host = config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host;
  return `http://${host}:${String(port)}`;
}

/** What a newcomer needs next, on stderr: stdout is the log's. */
function announce(address: string, config: Config): void {
  const server = config.publicUrl ?? address;
  process.stderr.write(`
Coffer listens on ${address}

  Sign up:       curl -s ${server}/auth/signup -H 'content-type: application/json' \\
                   -d '{"email":"you@example.com","username":"you","password":"a long pass phrase"}'
  Organisation:  curl -s ${server}/orgs -H 'content-type: application/json' \\
                   -H "authorization: Bearer $ACCESS_TOKEN" -d '{"slug":"acme"}'
  Every route:   ${server}/docs

`);
}

/** From the first moment on: a signal while the database is still starting must not leave it behind. */
function stopOnSignals(running: Running, log: JsonLog): { begun: boolean } {
  const state = { begun: false };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // A group gets its signal more than once (from the terminal and from npm): the first one counts.
      if (state.begun) return;
      state.begun = true;
      log.log({ message: `Stopping after ${signal}.` }, 'main');
      void stop(running).then(
        () => process.exit(0),
        (error: unknown) => {
          fail(error);
        },
      );
    });
  }
  return state;
}

async function stop(running: Running): Promise<void> {
  const { app, dataSource, stopDatabase } = running;
  if (app !== undefined) await closeWithin(app, STOP_DEADLINE_MS);
  if (dataSource?.isInitialized === true) await dataSource.destroy();
  await stopDatabase?.();
}

/** Waits for what runs, but not for ever: connections that are left then are cut. */
async function closeWithin(app: NestFastifyApplication, ms: number): Promise<void> {
  const server: Server = app.getHttpServer();
  const closed = app.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    server.closeAllConnections();
  }, ms);
  await closed;
  clearTimeout(timer);
}

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError ? 78 : 1);
}

main().catch(fail);
