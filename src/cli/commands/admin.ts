import type { GroupSpec } from '../command.js';

const WHERE = `It works on the service's own database, on the server's machine, by the service's own settings (COFFER_DATABASE_URL, COFFER_DATA_DIR, …): run it in the folder and with the environment that the service is started with. The service may be running.`;

export const adminCommands: GroupSpec = {
  name: 'admin',
  summary: "on the server's machine, on its database: migrate, rotate keys, verify, back up, restore",
  commands: [
    {
      usage: 'migrate',
      summary: 'bring the tables to this version',
      details: `${WHERE}\n\nThe service does this by itself when it starts, if its login may; COFFER_MIGRATION_DATABASE_URL is for one that may.`,
      asks: 'nobody',
      json: true,
      examples: [
        'coffer admin migrate',
        'COFFER_MIGRATION_DATABASE_URL=postgresql://migrator@db/coffer coffer admin migrate',
      ],
      run: async (call) => (await import('../admin/migrate.js')).migrate(call),
    },
    {
      usage: 'rotate-root-key',
      summary: 'wrap every data key by the present root key instead of the previous one',
      details: `The present root key is the one of COFFER_ROOT_KEY[_FILE] or of the data directory, the previous one that of COFFER_PREVIOUS_ROOT_KEY[_FILE]. A service that runs meanwhile must know both. It can be interrupted and run again: it does what is left. Values are not touched. Step by step: docs/operating.md\n\n${WHERE}`,
      asks: 'nobody',
      json: true,
      examples: ['COFFER_PREVIOUS_ROOT_KEY_FILE=.coffer/root.key.previous coffer admin rotate-root-key'],
      run: async (call) => (await import('../admin/rotate-root-key.js')).rotateRootKey(call),
    },
    {
      usage: 'rotate-data-keys',
      summary: 'give every environment and every user a new data key, and destroy the old ones',
      details: `New values are sealed under the new keys at once, old ones are sealed anew one by one, and then the old keys are destroyed. The service goes on meanwhile, on every node. It can be interrupted and run again: it takes up where it stopped. It is on record in every trail that it touches.\n\n${WHERE}`,
      flags: [['--env <org/project/env>', 'only the keys of this environment']],
      asks: 'nobody',
      json: true,
      examples: ['coffer admin rotate-data-keys', 'coffer admin rotate-data-keys --env acme/web/prod'],
      run: async (call) => (await import('../admin/rotate-data-keys.js')).rotateDataKeys(call),
    },
    {
      usage: 'verify-audit',
      summary: 'verify every trail in the database',
      details: `Every organisation's and every user's chain: the hash of each record, its place, the head and its signature. Names the trail, the record and what is wrong with it; exits with 1 when anything is. Trails of deleted organisations and users are among them.\n\n${WHERE}`,
      asks: 'nobody',
      json: true,
      examples: ['coffer admin verify-audit'],
      run: async (call) => (await import('../admin/verify-audit.js')).verifyAudit(call),
    },
    {
      usage: 'backup <file>',
      summary: 'write the whole database into one file, as it is at one moment',
      details: `The file appears whole or not at all, readable for its owner alone; “-” writes to stdout. Values and keys are in it as they are in the database: sealed. The root key is not: keep a copy of it elsewhere.\n\n${WHERE}`,
      asks: 'nobody',
      json: true,
      examples: [
        'coffer admin backup coffer-2030-01-31.backup',
        'coffer admin backup - | gzip > coffer.backup.gz',
      ],
      run: async (call) => (await import('../admin/backup.js')).backup(call),
    },
    {
      usage: 'restore <file>',
      summary: 'load a backup into an empty database',
      details: `All of it or nothing. A damaged file, one of another version, one that belongs to another root key, and a database that is not empty are refused before anything is touched. No service may run on that database yet.\n\n${WHERE}`,
      asks: 'nobody',
      json: true,
      examples: ['COFFER_DATA_DIR=/srv/coffer-new coffer admin restore coffer-2030-01-31.backup'],
      run: async (call) => (await import('../admin/restore.js')).restore(call),
    },
  ],
};
