import type { CommandSpec } from '../command.js';
import { EXPORT_FORMATS, IMPORT_FORMATS } from '../format-names.js';

// Many values at once: out to files, in from files, and from one environment to another.

export const transferCommands: readonly CommandSpec[] = [
  {
    usage: 'export',
    summary: 'write all values of the environment in a format',
    details: `Formats: ${EXPORT_FORMATS.join(', ')}. A value that a format cannot carry exactly is refused with its name, never changed. A file is written in one step, for you alone (0600).\n\ngithub-env first prints the commands that mask the values in the log, then appends to the file that $GITHUB_ENV names, or writes to the one of -o.`,
    flags: [
      ['--format <format>', 'how to write them (default dotenv)'],
      ['-o, --output <file>', 'write to this file'],
      ['--only <names>', 'these alone: A,B', 'repeatable'],
      ['--allow-missing <names>', 'these may be without a value', 'repeatable'],
      ['--name <name>', 'k8s: the name of the Secret (default project-environment)'],
      ['--namespace <namespace>', 'k8s: its namespace'],
    ],
    asks: 'environment',
    json: true,
    examples: [
      'coffer export -o .env',
      'eval "$(coffer export --format shell)"',
      'coffer export --format k8s --namespace web | kubectl apply -f -',
    ],
    run: async (call) => (await import('../export.js')).exportValues(call),
  },
  {
    usage: 'import <file>',
    summary: 'declare and set secrets from a file, all or none',
    details: `The file is dotenv, JSON, YAML or the manifest of a Kubernetes Secret; “-” is stdin. Everything that is wrong with it is told at once, by line, and then nothing is sent. What is not declared yet is declared.`,
    flags: [
      ['--dry-run', 'show what would be done, and do nothing'],
      ['--declare-only', 'declare the names, and send no value'],
      ['--format <format>', `${IMPORT_FORMATS.join(', ')} (default: as the file looks)`],
    ],
    asks: 'environment',
    json: true,
    examples: ['coffer import .env --dry-run', 'coffer import .env --env acme/web/dev'],
    run: async (call) => (await import('../import.js')).importFile(call),
  },
  {
    usage: 'diff <from> <to>',
    summary: 'compare two environments of a project by name; never shows a value',
    details:
      'Tells whether values are the same without anybody reading them. Give names of environments, or whole paths.',
    flags: [['--exit-code', 'exit with 1 when anything differs']],
    asks: 'environment',
    json: true,
    examples: ['coffer diff dev prod', 'coffer diff acme/web/dev acme/web/prod --exit-code'],
    run: async (call) => (await import('../compare.js')).diff(call),
  },
  {
    usage: 'promote [names...]',
    summary: 'copy values from another environment of the project, inside the service',
    details:
      'Without names, everything that has a value there. What is not declared here is declared. Nobody sees a value.',
    flags: [['--from <env>', 'the environment to copy from', 'required']],
    asks: 'environment',
    json: true,
    examples: [
      'coffer promote --from staging --env acme/web/prod',
      'coffer promote --from staging DATABASE_URL',
    ],
    run: async (call) => (await import('../compare.js')).promote(call),
  },
];
