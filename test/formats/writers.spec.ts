import { parseEnv } from 'node:util';
import dotenv from 'dotenv';
import fc from 'fast-check';
import { parse as parseYaml } from 'yaml';
import type { Entry } from '../../src/formats/entry.js';
import { type Format, write } from '../../src/formats/format.js';
import { anyValue, HARD_VALUES } from './hard-values.js';
import { readComposeEnvFile } from './readers/compose-env-file.js';
import { readDockerEnvFile } from './readers/docker-env-file.js';
import { readGithubEnvFile } from './readers/github-env-file.js';
import { readGitlabDotenvReport } from './readers/gitlab-dotenv-report.js';
import { readSystemdEnvFile } from './readers/systemd-env-file.js';

type Variables = ReadonlyMap<string, string>;

interface Reader {
  readonly format: Format;
  readonly reader: string;
  readonly read: (text: string) => Variables;
  /** Whether there is any way at all to write the value for this reader, as the reader itself tells. */
  readonly canCarry: (value: string) => boolean;
}

const bytes = (text: string): number => Buffer.byteLength(text);
const everything = (): boolean => true;

const READERS: readonly Reader[] = [
  { format: 'json', reader: 'JSON.parse', read: (text) => objectOf(JSON.parse(text)), canCarry: everything },
  { format: 'yaml', reader: 'yaml 1.2', read: readYaml('1.2'), canCarry: everything },
  { format: 'yaml', reader: 'yaml 1.1', read: readYaml('1.1'), canCarry: everything },
  { format: 'k8s', reader: 'a YAML reader and base64', read: readManifest, canCarry: everything },
  { format: 'dotenv', reader: 'dotenv', read: (text) => objectOf(dotenv.parse(text)), canCarry: fitsDotenv },
  {
    format: 'dotenv',
    reader: 'the fast parser of dotenv',
    read: (text) => objectOf(dotenv.parse(text, { fast: true })),
    canCarry: fitsDotenv,
  },
  {
    format: 'dotenv',
    reader: "Node's parseEnv",
    read: (text) => objectOf(parseEnv(text)),
    canCarry: fitsDotenv,
  },
  {
    format: 'docker',
    reader: "Docker's rules",
    read: readDockerEnvFile,
    canCarry: (value) => !/[\r\n]/.test(value) && bytes(`V=${value}\n`) <= 65_536,
  },
  { format: 'compose', reader: "Compose's rules", read: readComposeEnvFile, canCarry: fitsCompose },
  { format: 'github-env', reader: "the runner's rules", read: readGithubEnvFile, canCarry: everything },
  {
    format: 'gitlab-dotenv',
    reader: "GitLab's rules",
    read: readGitlabDotenvReport,
    canCarry: (value) => !/[\r\n]/.test(value) && reads(readGitlabDotenvReport, `V=${value}\n`, value),
  },
  {
    format: 'systemd',
    reader: "systemd's rules",
    read: readSystemdEnvFile,
    canCarry: (value) => !/[\0-\x08\x0b-\x1f\x7f]|\p{Noncharacter_Code_Point}/u.test(value),
  },
];

describe.each(READERS)('$format, read by $reader', ({ format, read, canCarry }) => {
  it.each(Object.entries(HARD_VALUES))('carries or refuses: %s', (_what, value) => {
    expect(carried(format, value)).toBe(canCarry(value));
    if (canCarry(value))
      expect(read(textOf(format, [{ name: 'V', value }]))).toEqual(new Map([['V', value]]));
  });

  it('gives back every hard value that it carries, out of one file', () => {
    const values = Object.values(HARD_VALUES).filter((value) => carried(format, value));
    expectRoundTrip(format, read, values);
    expectRoundTrip(format, read, [...values].reverse());
  });

  it('gives back thousands of generated values unchanged, or refuses just those that cannot be written', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { minLength: 1, maxLength: 12 }), (values) => {
        const possible = values.filter((value) => carried(format, value));
        expect(possible).toEqual(values.filter(canCarry));
        expectRoundTrip(format, read, possible);
      }),
      { numRuns: 250 },
    );
  });
});

function expectRoundTrip(format: Format, read: (text: string) => Variables, values: readonly string[]): void {
  const entries = values.map((value, index) => ({ name: `V${index}`, value }));
  expect(read(textOf(format, entries))).toEqual(new Map(entries.map(({ name, value }) => [name, value])));
}

function carried(format: Format, value: string): boolean {
  const written = write(format, [{ name: 'V', value }], { secret: { name: 'web-prod' } });
  if ('unrepresentable' in written) expect(written.unrepresentable.map(({ name }) => name)).toEqual(['V']);
  return 'text' in written;
}

function textOf(format: Format, entries: readonly Entry[]): string {
  const written = write(format, entries, { secret: { name: 'web-prod' } });
  if ('unrepresentable' in written) throw new Error('refused');
  return written.text;
}

function objectOf(object: unknown): Variables {
  if (typeof object !== 'object' || object === null) throw new Error('not an object');
  return new Map(Object.entries(object).map(([name, value]) => [name, String(value)]));
}

function readYaml(version: '1.1' | '1.2'): (text: string) => Variables {
  return (text) => objectOf(parseYaml(text, { version, prettyErrors: false }));
}

function readManifest(text: string): Variables {
  const manifest: unknown = parseYaml(text);
  const data = objectOf(objectAt(manifest, 'data'));
  return new Map([...data].map(([name, base64]) => [name, Buffer.from(base64, 'base64').toString('utf8')]));
}

function objectAt(object: unknown, key: string): unknown {
  return new Map(Object.entries(Object(object))).get(key);
}

/**
 * Whether both readers of dotenv agree on some sound way to write the value: in quotes that do not occur in it, and with
 * escapes only where a backslash can mean nothing else. (What they make of other text is luck, and ends with the next
 * variable of the file.)
 */
function fitsDotenv(value: string): boolean {
  const escaped = value.replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  const quotes = ["'", '`', '"'].filter((quote) => !value.includes(quote));
  const raw = quotes
    .filter((quote) => quote !== '"' || !value.includes('\\'))
    .map((quote) => quote + value + quote);
  const ways = quotes.includes('"') && !value.includes('\\') ? [...raw, `"${escaped}"`] : raw;
  const readers = [
    (text: string) => objectOf(dotenv.parse(text)),
    (text: string) => objectOf(parseEnv(text)),
  ];
  return ways.some((way) => readers.every((read) => reads(read, `V=${way}\n`, value)));
}

function fitsCompose(value: string): boolean {
  const ways = [value, value.replaceAll("'", "\\'"), value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")];
  return ways.some((way) => reads(readComposeEnvFile, `V='${way}'\n`, value));
}

function reads(read: (text: string) => Variables, text: string, value: string): boolean {
  try {
    const variables = read(text);
    return variables.size === 1 && variables.get('V') === value;
  } catch {
    return false;
  }
}
