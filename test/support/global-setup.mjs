import '../../scripts/typescript.mjs';

/** One PostgreSQL for the whole run. The teardown finds it again as the same module. */
export default async function globalSetup() {
  await import('reflect-metadata');
  const { startTestServer } = await import('./test-server.ts');
  await startTestServer();
}
