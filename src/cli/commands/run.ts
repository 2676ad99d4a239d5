import type { CommandSpec } from '../command.js';

export const runCommands: readonly CommandSpec[] = [
  {
    usage: 'run <command...>',
    summary: 'run a program with the secrets of the environment',
    details:
      'The program gets the present environment variables, over them the secrets of the environment, and over those your personal secrets that have a variable. If a declared secret has no value, nothing is started (exit code 3). The exit code is the program’s own; 128 and more when a signal ended it, 127 when it is not found, 126 when it cannot be executed.\n\nWith --watch, the program is ended (TERM, after 10 seconds KILL) and started again when a secret changes; never when the new ones could not be read.',
    flags: [
      ['--watch', 'start it again when a secret changes'],
      [
        '--file <name=path>',
        'give this secret as a new file, removed afterwards; NAME_FILE holds its path',
        'repeatable',
      ],
      ['--only <names>', 'of the environment’s secrets, these alone: A,B', 'repeatable'],
      ['--allow-missing <names>', 'these may be without a value', 'repeatable'],
      ['--no-personal', 'leave the personal secrets out'],
    ],
    asks: 'environment',
    passesThrough: true,
    examples: [
      'coffer run -- npm start',
      'coffer run --only DATABASE_URL -- psql',
      'coffer run --watch --file TLS_KEY=/run/app/tls.key -- ./server',
    ],
    run: async (call) => (await import('../run/run.js')).run(call),
  },
];
