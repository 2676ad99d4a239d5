import { openSync, closeSync, fstatSync, readSync, writeSync, constants } from 'node:fs';
import type { Entry } from '../formats/entry.js';
import { write, type Format } from '../formats/format.js';
import { kubernetesNameProblem, kubernetesNamespaceProblem } from '../formats/k8s.js';
import type { Call } from './call.js';
import { EXPORT_FORMATS } from './format-names.js';
import { environment } from './environment.js';
import { EXIT, Failure, systemReason, usage } from './failure.js';
import { PRIVATE_FILE, writeFile } from './files.js';
import { print, printable, say } from './terminal.js';
import { readValues } from './values.js';

type Target = Readonly<
  { kind: 'stdout' } | { kind: 'file'; path: string } | { kind: 'append'; path: string }
>;

/** `coffer export`: one read, written here, so that masks and variables are of the same revision. */
export async function exportValues(call: Call): Promise<void> {
  const format = formatOf(call);
  const target = targetOf(call, format);
  const secret = identityOf(call, format);
  const { values } = await readValues(call);
  const entries = [...values].map(([name, value]) => ({ name, value }));
  const text = written(format, entries, secret);
  if (format === 'github-env') await print(written('github-mask', entries, secret));
  if (target.kind === 'stdout') return print(text);
  if (target.kind === 'append') appendTo(target.path, text);
  else writeFile(target.path, text, { mode: PRIVATE_FILE });
  const count = entries.length === 1 ? '1 value' : `${String(entries.length)} values`;
  say(`Wrote ${count} of ${call.placeName} to ${target.path}.`);
}

function formatOf(call: Call): Format {
  const given = call.flags.text('format');
  if (call.json && given !== undefined && given !== 'json')
    throw usage(`--json and --format ${given} are two formats: give one of them.`);
  const name = given ?? (call.json ? 'json' : 'dotenv');
  const format = EXPORT_FORMATS.find((each) => each === name);
  if (format === undefined)
    throw usage(`There is no format “${name}”. There are: ${EXPORT_FORMATS.join(', ')}`);
  return format;
}

function targetOf(call: Call, format: Format): Target {
  const path = call.flags.text('output');
  if (path === '') throw usage('-o names no file.');
  if (path !== undefined && path !== '-') return { kind: 'file', path };
  if (format !== 'github-env') return { kind: 'stdout' };
  const given = environment()['GITHUB_ENV'] ?? '';
  if (given !== '' && path === undefined) return { kind: 'append', path: given };
  throw usage(
    'github-env needs a file to write to: outside of a workflow, where GITHUB_ENV names it, give one with -o.',
  );
}

function identityOf(call: Call, format: Format): { name: string; namespace?: string } {
  const { project, environment: name } = call.environment;
  const given = call.flags.text('name');
  const namespace = call.flags.text('namespace');
  if (format !== 'k8s' && (given !== undefined || namespace !== undefined)) {
    throw usage('--name and --namespace are for --format k8s.');
  }
  const identity = { name: given ?? `${project}-${name}`, ...(namespace !== undefined && { namespace }) };
  const problem =
    kubernetesNameProblem(identity.name) ??
    (namespace === undefined ? null : kubernetesNamespaceProblem(namespace));
  if (problem !== null) throw usage(problem);
  return identity;
}

function written(
  format: Format,
  entries: readonly Entry[],
  secret: { name: string; namespace?: string },
): string {
  const result = write(format, entries, { secret });
  if ('text' in result) return result.text;
  const lines = result.unrepresentable.map(({ name, reason }) => `\n  ${printable(name)}: ${reason}`);
  throw new Failure(
    EXIT.failed,
    `The format ${format} cannot carry these values unchanged:${lines.join('')}\nChoose another format, or leave them out with --only.`,
  );
}

/** The runner's file is kept as it is, and a last line that was not ended is. */
function appendTo(path: string, text: string): void {
  try {
    const file = openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, PRIVATE_FILE);
    try {
      const bytes = Buffer.from((endsInsideLine(file) ? '\n' : '') + text, 'utf8');
      for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new Failure(EXIT.failed, `${path} cannot be written: ${systemReason(error)}.`);
  }
}

function endsInsideLine(file: number): boolean {
  const stats = fstatSync(file);
  if (!stats.isFile() || stats.size === 0) return false;
  const last = Buffer.alloc(1);
  readSync(file, last, 0, 1, stats.size - 1);
  return last.toString() !== '\n';
}
