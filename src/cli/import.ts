import { randomUUID } from 'node:crypto';
import type { Entry } from '../formats/entry.js';
import { environmentForm } from '../formats/names.js';
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

// What one request may be: see the service's `changes`. A larger one is cut off before there is an answer that explains it.
const MOST_CHANGES = 500;
const LARGEST_REQUEST = 8 * 1024 * 1024;
const LARGEST_FILE = 2 * LARGEST_REQUEST;

/** `coffer import`: a file as one request that is applied in full or not at all. */
export async function importFile(call: Call): Promise<void> {
  const entries = await readEntries(call);
  const path = call.place;
  const secrets = await call.api.all('/{o}/{p}/envs/{envName}/secrets', { path });
  const declared = secrets.map(({ name }) => name);
  refuseOtherSpellings(call, entries, declared);
  const steps = stepsFor(entries, new Set(declared), call.flags.isSet('declareOnly'));
  const changes = steps.flatMap((step) => step.changes);
  refuseTooMuch(call, steps, changes);
  if (call.flags.isSet('dryRun')) return show(call, steps);
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
  const bytes = file === '-' ? await readStdin('the file', LARGEST_FILE) : readNamedFile(file, LARGEST_FILE);
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

/** Two spellings of one variable cannot both be declared. The service says so too; a dry run has to say it before. */
function refuseOtherSpellings(call: Call, entries: readonly Entry[], declared: readonly string[]): void {
  const names = new Set(declared);
  const spelling = new Map(declared.map((name) => [environmentForm(name), name]));
  const lines = entries.flatMap(({ name }) => {
    const other = spelling.get(environmentForm(name));
    return other === undefined || names.has(name) ? [] : [`\n  ${name}: ${other} is declared already`];
  });
  if (lines.length === 0) return;
  throw new Failure(
    EXIT.failed,
    `Nothing was imported: these are other spellings of what ${call.placeName} has, and the same as variables:${lines.join('')}\nWrite the names as they are declared.`,
  );
}

function refuseTooMuch(call: Call, steps: readonly Step[], changes: readonly Change[]): void {
  if (changes.length > MOST_CHANGES) {
    const inTwoSteps = steps.length <= MOST_CHANGES && !call.flags.isSet('declareOnly');
    throw new Failure(
      EXIT.failed,
      `Nothing was imported: the file needs ${String(changes.length)} changes, and one request, which is applied in full or not at all, takes ${String(MOST_CHANGES)}. ${
        inTwoSteps ? 'Declare first, with --declare-only, and import then.' : 'Split the file.'
      }`,
    );
  }
  if (Buffer.byteLength(JSON.stringify({ changes })) > LARGEST_REQUEST) {
    throw new Failure(
      EXIT.failed,
      `Nothing was imported: the values are more than the ${String(LARGEST_REQUEST / 1024 / 1024)} MiB of one request, which is applied in full or not at all. Split the file.`,
    );
  }
}
