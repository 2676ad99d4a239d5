import { createServer, type Server } from 'node:http';
import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { Audit } from '../audit/audit.js';
import type { Config } from '../config/config.js';
import { httpUrl } from '../config/network.js';
import { CONFIG } from '../config/token.js';
import { Keyring } from '../crypto/keyring.js';
import { Database } from '../database/database.js';
import { ReadMemory } from '../secrets/read-memory.js';
import { ClaimMemory } from './claim-memory.js';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * What a watcher wants to know, as Prometheus text, on an address of its own (off by default) so that it is never in reach of the API's
 * clients. Labels are routes as they are declared and statuses: no name of a tenant.
 */
@Injectable()
export class Metrics implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('metrics');
  private readonly registry = new Registry();
  private readonly requests: Counter<'method' | 'route' | 'status'>;
  private readonly durations: Histogram<'method' | 'route'>;
  private server: Server | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    database: Database,
    audit: Audit,
    keyring: Keyring,
    reads: ReadMemory,
    claims: ClaimMemory,
  ) {
    const registers = [this.registry];
    this.requests = new Counter({
      name: 'coffer_http_requests_total',
      help: 'Requests that were answered.',
      labelNames: ['method', 'route', 'status'],
      registers,
    });
    this.durations = new Histogram({
      name: 'coffer_http_request_duration_seconds',
      help: 'From the first byte of a request to the last of its answer.',
      labelNames: ['method', 'route'],
      buckets: SECONDS,
      registers,
    });
    new Gauge({
      name: 'coffer_database_connections',
      help: 'Connections of the pool, and requests that wait for one.',
      labelNames: ['state'],
      registers,
      collect() {
        const { total, idle, waiting } = database.connections;
        this.set({ state: 'total' }, total);
        this.set({ state: 'idle' }, idle);
        this.set({ state: 'waiting' }, waiting);
      },
    });
    new Gauge({
      name: 'coffer_audit_record_duration_seconds',
      help: 'How long the last audit records took to be written, by quantile.',
      labelNames: ['quantile'],
      registers,
      collect() {
        for (const quantile of [50, 90, 99]) {
          this.set({ quantile: String(quantile / 100) }, audit.durations.percentile(quantile) / 1e9);
        }
      },
    });
    new Gauge({
      name: 'coffer_memory_bytes',
      help: 'What is remembered of reads and of who may read, as it is counted against its bound.',
      labelNames: ['of'],
      registers,
      collect() {
        this.set({ of: 'reads' }, reads.bytes);
        this.set({ of: 'claims' }, claims.bytes);
      },
    });
    new Gauge({
      name: 'coffer_key_cache_owners',
      help: 'Owners whose unwrapped data keys are in memory.',
      registers,
      collect() {
        this.set(keyring.size);
      },
    });
  }

  /** Notes an answer. To be called once it has been sent. */
  note(request: FastifyRequest, reply: FastifyReply): void {
    if (this.server === undefined) return;
    const route = request.routeOptions.url ?? 'unmatched';
    this.requests.inc({ method: request.method, route, status: reply.statusCode });
    this.durations.observe({ method: request.method, route }, reply.elapsedTime / 1000);
  }

  async onApplicationBootstrap(): Promise<void> {
    const { metricsListen } = this.config;
    if (metricsListen === null) return;
    collectDefaultMetrics({ register: this.registry });
    const server = createServer((request, response) => {
      if (request.url !== '/metrics' || request.method !== 'GET') {
        response.writeHead(404).end();
        return;
      }
      void this.registry.metrics().then((text) => {
        response.writeHead(200, { 'content-type': this.registry.contentType }).end(text);
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(metricsListen.port, metricsListen.host, resolve);
    }).catch((cause: unknown) => {
      // Told as its own: the API has a port too, and would be taken for the one that is meant.
      throw new Error(`COFFER_METRICS_LISTEN: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    });
    this.server = server;
    this.logger.log({
      message: `Metrics are at ${httpUrl({ ...metricsListen, port: this.port ?? 0 })}/metrics`,
    });
  }

  onApplicationShutdown(): void {
    this.server?.close();
    this.server?.closeAllConnections();
  }

  /** The port that was really taken, for a setting of port 0; null when metrics are off. */
  get port(): number | null {
    const address = this.server?.address();
    return typeof address === 'object' && address !== null ? address.port : null;
  }
}
