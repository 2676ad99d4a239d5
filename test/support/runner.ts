import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readGithubEnvFile } from '../formats/readers/github-env-file.js';

/** What GitHub's runner does with one `run` step, as its documentation and its source say. */
export type StepResult = Readonly<{
  code: number;
  /** Every line as the script printed it. */
  printed: readonly string[];
  masks: readonly string[];
  /** What people see: workflow commands taken out, masked texts hidden. */
  log: string;
  env: ReadonlyMap<string, string>;
  outputs: ReadonlyMap<string, string>;
}>;

export type Environment = Readonly<Record<string, string>>;

/** Runs a script as `shell: bash` does, with files of its own for what it exports. */
export async function runStep(script: string, env: Environment, cwd?: string): Promise<StepResult> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-runner-'));
  try {
    const files = { GITHUB_ENV: join(folder, 'env'), GITHUB_OUTPUT: join(folder, 'output') };
    for (const file of [files.GITHUB_ENV, files.GITHUB_OUTPUT]) await writeFile(file, '');
    await writeFile(join(folder, 'step.sh'), script);
    const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', join(folder, 'step.sh')], {
      cwd: cwd ?? folder,
      env: { PATH: process.env['PATH'], HOME: folder, RUNNER_TEMP: folder, ...files, ...env },
    });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString('utf8')));
    const [code] = (await once(child, 'close')) as [number];
    return {
      code,
      ...shown(printed.split('\n')),
      env: readGithubEnvFile(await readFile(files.GITHUB_ENV, 'utf8')),
      outputs: readGithubEnvFile(await readFile(files.GITHUB_OUTPUT, 'utf8')),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function shown(printed: readonly string[]): Pick<StepResult, 'printed' | 'masks' | 'log'> {
  const masks: string[] = [];
  const log: string[] = [];
  for (const line of printed) {
    const mask = /^::add-mask::(.*)$/s.exec(line)?.[1];
    if (mask !== undefined) masks.push(decoded(mask));
    else log.push(hidden(decoded(line), masks));
  }
  return { printed, masks, log: log.join('\n') };
}

function decoded(data: string): string {
  return data.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
}

function hidden(line: string, masks: readonly string[]): string {
  return [...masks]
    .sort((a, b) => b.length - a.length)
    .reduce((text, mask) => text.replaceAll(mask, '***'), line);
}

type Action = Readonly<{
  inputs: Record<string, { default?: string; required?: boolean }>;
  outputs: Record<string, { value: string }>;
  runs: { using: string; steps: { id?: string; shell: string; run: string; env: Record<string, string> }[] };
}>;

/** Runs a composite action of one step, as `uses` does, with these inputs. */
export async function runAction(
  root: string,
  inputs: Readonly<Record<string, string>>,
  env: Environment,
): Promise<StepResult> {
  const action = parse(await readFile(join(root, 'action.yml'), 'utf8')) as Action;
  const [step, ...others] = action.runs.steps;
  if (action.runs.using !== 'composite' || step?.shell !== 'bash' || others.length > 0) {
    throw new Error('this runner knows composite actions of one bash step');
  }
  const given = (name: string): string => inputs[name] ?? action.inputs[name]?.default ?? '';
  const evaluated = Object.fromEntries(
    Object.entries(step.env).map(([name, text]) => [
      name,
      text.replaceAll(/\$\{\{ inputs\.([\w-]+) \}\}/g, (_, input: string) => given(input)),
    ]),
  );
  const result = await runStep(step.run, { ...env, ...evaluated, GITHUB_ACTION_PATH: root });
  const outputs = Object.entries(action.outputs).flatMap(([name, { value }]): [string, string][] => {
    const output = /^\$\{\{ steps\.(\w+)\.outputs\.(\w+) \}\}$/.exec(value);
    const found = output?.[1] === step.id ? result.outputs.get(output?.[2] ?? '') : undefined;
    return found === undefined ? [] : [[name, found]];
  });
  return { ...result, outputs: new Map(outputs) };
}

/** The place where a job asks for its OIDC token: `sign` makes the token for an audience. */
export class TokenService {
  readonly requests: IncomingMessage[] = [];

  private constructor(
    private readonly server: Server,
    readonly env: Environment,
  ) {}

  static async start(sign: (audience: string) => Promise<string>): Promise<TokenService> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const service = new TokenService(server, {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${String(port)}/_apis/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'the-token-of-the-job',
    });
    server.on('request', (request, response) => {
      service.requests.push(request);
      const url = new URL(request.url ?? '', 'http://runner');
      const isAllowed = /^bearer the-token-of-the-job$/i.test(request.headers.authorization ?? '');
      if (!isAllowed || url.searchParams.get('api-version') !== '2.0') return response.writeHead(401).end();
      return void sign(url.searchParams.get('audience') ?? '').then((value) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ count: value.length, value }));
      });
    });
    return service;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
