import { randomUUID } from 'node:crypto';
import type { Entry } from '../formats/entry.js';
import { read, type ReadableFormat } from '../formats/read.js';
import type { View } from './api-client.js';
import type { Call } from './call.js';
import { IMPORT_FORMATS } from './format-names.js';
import { EXIT, Failure, usage } from './failure.js';
import { readNamedFile } from './files.js';
import { withProgress } from './progress.js';
import { readStdin } from './stdin.js';
import { printTable } from './table.js';
import { printJson, say } from './terminal.js';

type Change = View<'ChangeBody'>;

/** What is done about one name. */
type Step = Readonly<{
  name: string;
  action: 'declare and set' | 'set' | 'declare' | 'nothing';
  changes: readonly Change[];
}>;

const MOST_CHANGES = 500;
const MOST_BYTES = 16 * 1024 * 1024;

/** `coffer import`: a file as one request that is applied in full or not at all. */
export async function importFile(call: Call): Promise<void> {
  const entries = await readEntries(call);
  const path = call.place;
  const declared = await call.api.all('/{o}/{p}/envs/{envName}/secrets', { path });
  const steps = stepsFor(entries, new Set(declared.map(({ name }) => name)), call.flags.isSet('declareOnly'));
  const changes = steps.flatMap((step) => step.changes);
  if (call.flags.isSet('dryRun')) return show(call, steps);
  if (changes.length > MOST_CHANGES) throw tooMany(call, changes.length);
  const revision = changes.length === 0 ? null : await send(call, changes);
  if (call.json) {
    return printJson({ revision, steps: steps.map(({ name, action }) => ({ name, action })) });
  }
  say(summaryOf(call, steps, revision));
}

async function send(call: Call, changes: Change[]): Promise<number> {
  return withProgress(`Importing ${String(changes.length)} changes into ${call.placeName}`, async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const path = call.place;
    const answer = await call.api.post('/{o}/{p}/envs/{envName}/changes', {
      path,
      body: { changes },
      headers,
    });
    return answer.revision;
  });
}

async function readEntries(call: Call): Promise<readonly Entry[]> {
  const file = call.argument(0);
  const format = formatOf(call);
  const bytes = file === '-' ? await readStdin('the file', MOST_BYTES) : readNamedFile(file, MOST_BYTES);
  const result = read(bytes, file, format);
  if ('entries' in result) return result.entries;
  const name = file === '-' ? 'stdin' : file;
  const lines = result.problems.map(({ line, problem }) => `\n  ${name}:${String(line)}: ${problem}`);
  throw new Failure(EXIT.failed, `Nothing was imported, because of this:${lines.join('')}`);
}

function formatOf(call: Call): ReadableFormat | undefined {
  const name = call.flags.text('format');
  const format = IMPORT_FORMATS.find((each) => each === name);
  if (name !== undefined && format === undefined) {
    throw usage(`There is no format “${name}” to read. There are: ${IMPORT_FORMATS.join(', ')}`);
  }
  return format;
}

function stepsFor(entries: readonly Entry[], declared: ReadonlySet<string>, declareOnly: boolean): Step[] {
  return entries.map(({ name, value }) => {
    const declare: Change = { op: 'declare', name };
    const set: Change = { op: 'set', name, value };
    if (declared.has(name)) {
      return declareOnly ? { name, action: 'nothing', changes: [] } : { name, action: 'set', changes: [set] };
    }
    return declareOnly
      ? { name, action: 'declare', changes: [declare] }
      : { name, action: 'declare and set', changes: [declare, set] };
  });
}

async function show(call: Call, steps: readonly Step[]): Promise<void> {
  if (call.json)
    return printJson({ revision: null, steps: steps.map(({ name, action }) => ({ name, action })) });
  if (steps.length > 0)
    await printTable(
      ['NAME', 'WOULD'],
      steps.map(({ name, action }) => [name, action]),
    );
  say(`Nothing was changed in ${call.placeName}.`);
}

function summaryOf(call: Call, steps: readonly Step[], revision: number | null): string {
  if (revision === null) return `There was nothing to change in ${call.placeName}.`;
  const count = (op: Change['op']): string =>
    String(steps.flatMap(({ changes }) => changes).filter((change) => change.op === op).length);
  return `Declared ${count('declare')} and set ${count('set')} in ${call.placeName}, revision ${String(revision)}.`;
}

function tooMany(call: Call, count: number): Failure {
  return new Failure(
    EXIT.failed,
    `The file needs ${String(count)} changes; one request, which is applied in full or not at all, takes ${String(MOST_CHANGES)}. ${
      call.flags.isSet('declareOnly')
        ? 'Split the file.'
        : 'Declare first (--declare-only) and import then, or split the file.'
    }`,
  );
}
