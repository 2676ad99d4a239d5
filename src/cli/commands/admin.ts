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
  ],
};
