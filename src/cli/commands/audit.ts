import type { CommandSpec, FlagSpec, GroupSpec } from '../command.js';

const ACTOR: FlagSpec = ['--actor <actor>', 'by this user or token: a name or an id'];
const SECRET: FlagSpec = ['--secret <name>', 'about this secret'];
const SINCE: FlagSpec = ['--since <when>', 'from then on: 30m, 12h, 30d ago, or a time'];

export const auditCommands: readonly (CommandSpec | GroupSpec)[] = [
  {
    name: 'audit',
    summary: 'the trail of an organisation: tail, export, verify',
    commands: [
      {
        usage: 'tail [org]',
        summary: 'show the latest events, the newest last',
        details: 'Without an organisation, that of the chosen environment.',
        flags: [
          ['-n, --lines <count>', 'how many (default 20)', 'number'],
          ACTOR,
          ['--action <action>', 'only this action, such as secret.value-get'],
          ['--project <project>', 'only in this project'],
          ['--environment <env>', 'only in this environment of the project'],
          SECRET,
          ['--outcome <outcome>', 'allowed or denied'],
          SINCE,
        ],
        asks: 'environment',
        json: true,
        examples: [
          'coffer audit tail acme',
          'coffer audit tail acme --secret DATABASE_URL --action secret.value-get --since 7d',
        ],
        run: async (call) => (await import('../audit.js')).tail(call),
      },
      {
        usage: 'export [org]',
        summary: 'write the whole chain, and its signed head as the last line',
        details:
          'Lines of JSON, the oldest event first. Keep it, and prove later that nothing was changed: coffer audit verify.',
        flags: [['-o, --output <file>', 'write to this file']],
        asks: 'environment',
        examples: ['coffer audit export acme -o acme-audit.ndjson'],
        run: async (call) => (await import('../audit.js')).exportChain(call),
      },
      {
        usage: 'verify <file>',
        summary: 'prove an exported chain, without any server',
        details:
          'Finds and names records that were changed, removed, put elsewhere, repeated or cut off, and checks the signature of the head: the last line of the file, or --head. Exits with 1 when anything is wrong.',
        flags: [
          ['--head <file>', 'the signed head, when it is not in the file'],
          ['--public-key <key>', 'the key that must have signed the head, as an earlier head named it'],
        ],
        asks: 'nobody',
        json: true,
        examples: [
          'coffer audit verify acme-audit.ndjson',
          'coffer audit verify events.ndjson --head head.json',
        ],
        run: async (call) => (await import('../admin/verify-chain.js')).verify(call),
      },
    ],
  },
  {
    usage: 'exposure [org]',
    summary: 'list which present values were read, and by whom: what to set anew, and why',
    details:
      'For when somebody leaves, or a token leaks. Without an organisation, that of the chosen environment. A value that was set anew since is not listed.',
    flags: [ACTOR, SECRET, SINCE],
    asks: 'environment',
    json: true,
    examples: ['coffer exposure acme --actor mia', 'coffer exposure acme --actor deploy --since 30d'],
    run: async (call) => (await import('../audit.js')).exposure(call),
  },
];
