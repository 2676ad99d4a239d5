import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { operationId } from '../../src/access/route-policy.js';
import { TestApp } from '../support/app.js';
import { routesOf } from '../support/routes.js';
import { ROOT } from '../support/sources.js';

const run = promisify(execFile);

type Operation = Readonly<{
  operationId?: string;
  'x-permission'?: string;
  responses: Record<string, unknown>;
  security?: unknown[];
}>;

/** Not part of the API that clients are generated from: the document itself, and HEAD of the health checks. */
const UNDOCUMENTED = ['GET /openapi.json', 'HEAD /healthz', 'HEAD /readyz'];

describe('the API description', () => {
  let app: TestApp;
  let text: string;
  let operations: Map<string, Operation>;

  beforeAll(async () => {
    app = await TestApp.start();
    const answer = await app.as(null).get('/openapi.json').expect(200);
    text = answer.text;
    operations = new Map(
      Object.entries<Record<string, Operation>>(answer.body.paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation]),
      ),
    );
  });

  afterAll(() => app.close());

  it('is OpenAPI 3.1 and describes every route of the running application', () => {
    expect(JSON.parse(text).openapi).toMatch(/^3\.1\./);
    const routes = routesOf(app.app).map(({ method, path }) => `${method} ${path}`);
    expect([...operations.keys(), ...UNDOCUMENTED].sort()).toEqual(routes.sort());
  });

  it('says of every operation its id, its permission and its refusals', () => {
    for (const { method, path, policy } of routesOf(app.app)) {
      const name = `${method} ${path}`;
      if (UNDOCUMENTED.includes(name)) continue;
      const operation = operations.get(name);
      const isPublic = policy.need === 'nobody';
      expect([name, operation?.operationId]).toEqual([name, operationId(policy.action)]);
      expect([name, operation?.['x-permission']]).toEqual([name, isPublic ? 'public' : policy.need]);
      const answers = Object.keys(operation?.responses ?? {});
      expect([name, answers.some((status) => /^2\d\d$/.test(status))]).toEqual([name, true]);
      if (!isPublic) expect([name, answers]).toEqual([name, expect.arrayContaining(['401', '403'])]);
    }
  });

  it('gives every operation an id of its own', () => {
    const ids = [...operations.values()].map((operation) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('passes the linter without a warning', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coffer-openapi-'));
    try {
      await writeFile(join(folder, 'openapi.json'), text);
      const redocly = join(ROOT, 'node_modules/@redocly/cli/bin/cli.js');
      const env = {
        PATH: process.env['PATH'],
        HOME: folder,
        REDOCLY_TELEMETRY: 'off',
        REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
      };
      const options = [
        'lint',
        join(folder, 'openapi.json'),
        `--config=${join(ROOT, 'redocly.yaml')}`,
        '--format=json',
      ];
      const { stdout } = await run(process.execPath, [redocly, ...options], { env }).catch(
        (error: unknown) => error as { stdout: string },
      );
      const { totals, problems } = JSON.parse(stdout) as {
        totals: { errors: number; warnings: number };
        problems: { ruleId: string; message: string; location: { pointer?: string }[] }[];
      };
      expect(
        problems.map(
          ({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer ?? ''}: ${message}`,
        ),
      ).toEqual([]);
      expect(totals).toMatchObject({ errors: 0, warnings: 0 });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
