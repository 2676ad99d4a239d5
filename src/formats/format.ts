// Values as text for the programs that read them: one writer for each reader, in a file of its own. Each promises that
// its reader gets back exactly what went in, or names what it cannot carry; it never changes a value and never lets a
// value become a second variable. Everything here is pure but for the random delimiters of `github-env`, whose source
// is an argument.
import { randomBytes } from 'node:crypto';
import { writeCompose } from './compose.js';
import { writeDocker } from './docker.js';
import { writeDotenv } from './dotenv.js';
import type { Entry, Lines, RandomBytes, Unrepresentable, Written } from './entry.js';
import { writeGithubEnv } from './github-env.js';
import { writeGithubMask } from './github-mask.js';
import { writeGitlabDotenv } from './gitlab-dotenv.js';
import { writeJson } from './json.js';
import { type SecretIdentity, writeK8s } from './k8s.js';
import { environmentForm, SECRET_NAME } from './names.js';
import { writeShell } from './shell.js';
import { writeSystemd } from './systemd.js';
import { valueProblem } from './value.js';
import { writeYaml } from './yaml.js';

/** Every format by the name that the API and the command use. */
export const FORMATS = [
  ...(['dotenv', 'shell', 'json', 'yaml', 'docker', 'compose'] as const),
  ...(['github-env', 'github-mask', 'gitlab-dotenv', 'k8s', 'systemd'] as const),
] as const;

export type Format = (typeof FORMATS)[number];

export function isFormat(text: string): text is Format {
  return FORMATS.some((format) => format === text);
}

/** The media type with which HTTP serves a format. */
export function contentType(format: Format): string {
  if (format === 'json') return 'application/json; charset=utf-8';
  if (format === 'yaml' || format === 'k8s') return 'application/yaml; charset=utf-8';
  return 'text/plain; charset=utf-8';
}

export interface WriteOptions {
  /** What `k8s` calls its Secret; the other formats have no use for it. */
  readonly secret: SecretIdentity;
  readonly random?: RandomBytes;
}

type FileFormat = 'json' | 'yaml' | 'k8s';
type LineFormat = Exclude<Format, FileFormat>;

type LineWriter = (variable: string, value: string, random: RandomBytes) => Lines;

const LINE_WRITERS: Readonly<Record<LineFormat, LineWriter>> = {
  dotenv: writeDotenv,
  shell: writeShell,
  docker: writeDocker,
  compose: writeCompose,
  'github-env': writeGithubEnv,
  'github-mask': writeGithubMask,
  'gitlab-dotenv': writeGitlabDotenv,
  systemd: writeSystemd,
};

/**
 * The secrets in one format, in the order in which they are given, or all of those that it cannot carry.
 * Throws a TypeError for what its callers check beforehand: the secrets' names, and those of the Kubernetes Secret.
 */
export function write(format: Format, entries: readonly Entry[], options: WriteOptions): Written {
  if (!entries.every(({ name }) => SECRET_NAME.test(name)))
    throw new TypeError('A secret has a malformed name.');
  const key = format === 'json' || format === 'yaml' ? declaredName : environmentForm;
  const impossible = impossibleInEvery(entries, key);
  if (impossible.length > 0) return { unrepresentable: impossible };

  switch (format) {
    case 'json':
      return { text: writeJson(entries) };
    case 'yaml':
      return { text: writeYaml(entries) };
    case 'k8s':
      return { text: writeK8s(entries, options.secret) };
    default:
      return writeLines(entries, LINE_WRITERS[format], options.random ?? randomBytes);
  }
}

function writeLines(entries: readonly Entry[], writer: LineWriter, random: RandomBytes): Written {
  const texts: string[] = [];
  const unrepresentable: Unrepresentable[] = [];
  for (const { name, value } of entries) {
    const lines = writer(environmentForm(name), value, random);
    if ('text' in lines) texts.push(lines.text);
    else unrepresentable.push({ name, reason: lines.reason });
  }
  return unrepresentable.length > 0 ? { unrepresentable } : { text: texts.join('') };
}

/** What the service lets nobody store, so that a writer can rely on it wherever the entries come from. */
function impossibleInEvery(entries: readonly Entry[], key: (name: string) => string): Unrepresentable[] {
  const uses = new Map<string, number>();
  for (const { name } of entries) uses.set(key(name), (uses.get(key(name)) ?? 0) + 1);
  return entries.flatMap(({ name, value }) => {
    const problem = valueProblem(value);
    if (problem !== null) return [{ name, reason: problem }];
    if (uses.get(key(name)) === 1) return [];
    return [{ name, reason: `${key(name)} stands for more than one secret.` }];
  });
}

function declaredName(name: string): string {
  return name;
}
