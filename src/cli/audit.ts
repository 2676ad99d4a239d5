import type { View } from './api-client.js';
import type { Call } from './call.js';
import { usage } from './failure.js';
import { PRIVATE_FILE, writeStream } from './files.js';
import { withProgress } from './progress.js';
import { orgArgument } from './scope.js';
import { printTable } from './table.js';
import { print, printJson, say } from './terminal.js';
import { timeAgo, told } from './times.js';

// The trail of an organisation. Reading it is on record as well.

const DEFAULT_LINES = 20;
const MOST_PER_PAGE = 1_000;

export async function tail(call: Call): Promise<void> {
  const path = { o: orgOf(call) };
  const lines = Number(call.flags.text('lines') ?? DEFAULT_LINES);
  const query = {
    limit: Math.min(lines, MOST_PER_PAGE),
    actor: call.flags.text('actor'),
    action: call.flags.text('action'),
    project: call.flags.text('project'),
    environment: call.flags.text('environment'),
    secret: call.flags.text('secret'),
    outcome: outcomeOf(call),
    since: sinceOf(call),
  };
  const events = await call.api.some('/orgs/{o}/audit', { path, query }, lines);
  events.reverse();
  if (call.json) return printJson(events);
  if (events.length === 0) {
    say(`Nothing like that is on record in ${path.o}.`);
    return;
  }
  await printTable(
    ['SEQ', 'AT', 'WHO', 'ACTION', 'WHAT', 'OUTCOME', 'FROM'],
    events.map((event) => [
      String(event.seq),
      event.at,
      event.actor.name ?? event.actor.type,
      event.action,
      wordsFor(event.resource),
      event.outcome,
      event.ip,
    ]),
  );
}

/** The head first: what is recorded after it, this export too, is not in the file. */
export async function exportChain(call: Call): Promise<void> {
  const path = { o: orgOf(call) };
  const file = call.flags.text('output');
  const head = await call.api.get('/orgs/{o}/audit/head', { path });
  const chain = await call.api.stream(
    '/orgs/{o}/audit/export',
    { path, query: { to: head.seq } },
    { type: 'application/x-ndjson' },
  );
  if (file === undefined || file === '-') {
    for await (const chunk of chain) await print(chunk);
    return print(headLine(head));
  }
  await withProgress(`Exporting ${String(head.seq)} events of ${path.o}`, (tell) =>
    writeStream(file, withHead(chain, head, tell), { mode: PRIVATE_FILE }),
  );
  say(`Wrote ${String(head.seq)} events of ${path.o} and the signed head to ${file}.`);
}

async function* withHead(
  chain: AsyncIterable<Buffer>,
  head: View<'HeadView'>,
  tell: (state: string) => void,
): AsyncGenerator<string | Uint8Array> {
  let lines = 0;
  for await (const chunk of chain) {
    for (const byte of chunk) if (byte === 0x0a) lines += 1;
    tell(`(${String(lines)})`);
    yield chunk;
  }
  yield headLine(head);
}

function headLine({ seq, hash, at, signature, publicKey }: View<'HeadView'>): string {
  return `${JSON.stringify({ head: { seq, hash, at, signature, publicKey } })}\n`;
}

export async function exposure(call: Call): Promise<void> {
  const path = { o: orgOf(call) };
  const query = { actor: call.flags.text('actor'), secret: call.flags.text('secret'), since: sinceOf(call) };
  const exposed = await call.api.all('/orgs/{o}/exposure', { path, query });
  if (call.json) return printJson(exposed);
  if (exposed.length === 0) {
    say('None of the present values was read.');
    return;
  }
  const rows = exposed.flatMap(({ project, environment, secret, version, readers }) =>
    readers.map(({ actor, reads, lastReadAt }) => [
      `${path.o}/${project}/${environment}`,
      secret,
      String(version),
      actor.name ?? actor.id ?? actor.type,
      String(reads),
      told(lastReadAt),
    ]),
  );
  await printTable(['ENVIRONMENT', 'SECRET', 'VERSION', 'READ BY', 'READS', 'LAST READ'], rows);
  say('To make what was read worthless, set each value anew where it is made, and here: coffer set NAME');
}

function orgOf(call: Call): string {
  const org = call.optional(0);
  return org === undefined ? call.environment.org : orgArgument(org);
}

function outcomeOf(call: Call): 'allowed' | 'denied' | undefined {
  const outcome = call.flags.text('outcome');
  if (outcome === undefined || outcome === 'allowed' || outcome === 'denied') return outcome;
  throw usage('--outcome is allowed or denied.');
}

function sinceOf(call: Call): string | undefined {
  const text = call.flags.text('since');
  if (text === undefined) return undefined;
  const time = timeAgo(text);
  if (time === null)
    throw usage(`--since takes 30m, 12h, 30d, or a time such as 2030-01-31T12:00:00Z; not “${text}”.`);
  return time;
}

function wordsFor(resource: View<'EventView'>['resource']): string {
  const { project, environment, secret, version } = resource;
  const place = [project, environment].filter((part) => part !== undefined).join('/');
  const what = secret === undefined ? '' : `${secret}${version === undefined ? '' : ` v${String(version)}`}`;
  return [place, what].filter((part) => part !== '').join(' ');
}
