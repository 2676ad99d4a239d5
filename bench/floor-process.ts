// The floors, in a process of their own: what the same answers cost with node:http, prepared statements of pg and
// AES-GCM alone. Nobody is asked who they are, and nothing is on record, unless a floor's name says so.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verify } from '@node-rs/argon2';
import { Pool } from 'pg';
import { answerQuestions } from './child.js';
import type { FloorFacts, FloorPlace } from './floor.js';
import { FloorReads } from './floor-reads.js';
import { FloorWrites } from './floor-writes.js';

// More connections than this only make processes of the server take turns on the same processors.
const CONNECTIONS = 10;

answerQuestions(async (facts: FloorFacts): Promise<FloorPlace> => {
  const pool = new Pool({ connectionString: facts.databaseUrl, max: CONNECTIONS });
  // At the end the server goes before its clients.
  pool.on('error', () => undefined);
  const reads = new FloorReads(pool, facts.keys);
  const writes = new FloorWrites(pool, facts.keys, reads);
  const answers: Readonly<Record<string, Answerer>> = {
    one: ([org, environment, name]) => reads.one(org, environment, name),
    values: ([org, environment]) => reads.values(org, environment),
    list: ([org, environment]) => reads.list(org, environment),
    audited: ([org, environment, name]) => writes.auditedRead(org, environment, name),
    set: ([org, environment, name], body) => writes.set(org, environment, name, text(body, 'value')),
    login: async (_, body) => ({ matches: await verify(facts.passwordHash, text(body, 'password')) }),
  };
  const server = createServer((request, response) => {
    serve(answers, request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${String(port)}` };
});

type Answerer = (path: [string, string, string], body: unknown) => Promise<object>;

async function serve(
  answers: Readonly<Record<string, Answerer>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, kind = '', org = '', environment = '', name = ''] = (request.url ?? '').split('/');
  const body = request.method === 'GET' ? null : await bodyOf(request);
  const answer = await answers[kind]?.([org, environment, name], body);
  const content = JSON.stringify(answer ?? null);
  response.writeHead(answer === undefined ? 404 : 200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(content),
  });
  response.end(content);
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let content = '';
  for await (const chunk of request.setEncoding('utf8')) content += String(chunk);
  return JSON.parse(content);
}

function text(body: unknown, field: string): string {
  const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, field) : undefined;
  if (typeof value !== 'string') throw new TypeError(`The body has no ${field}.`);
  return value;
}
