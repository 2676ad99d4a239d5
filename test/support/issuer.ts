import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';

type Key = Readonly<{ kid: string; alg: string; privateKey: CryptoKey; publicKey: CryptoKey }>;
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const DISCOVERY = '/.well-known/openid-configuration';
const KEYS = '/keys';

/** An OpenID Connect issuer of the tests' own on loopback: it publishes its keys, signs whatever it is asked to, and counts who asks. */
export class Issuer {
  /** The paths that were asked for, in order. */
  readonly asked: string[] = [];
  /** What is answered instead, by path. */
  readonly answers = new Map<string, Answer>();

  private constructor(
    private readonly server: Server,
    /** As its tokens name it in `iss`. */
    readonly url: string,
    private readonly path: string,
    readonly keys: Key[],
  ) {
    server.on('request', (request, response) => {
      this.answer(request, response);
    });
  }

  /** `path` is the issuer's own part of its URL: GitHub's appliances have one. */
  static async start({ path = '', alg = 'RS256' }: { path?: string; alg?: string } = {}): Promise<Issuer> {
    const key = await makeKey(alg);
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return new Issuer(server, `http://127.0.0.1:${String(port)}${path}`, path, [key]);
  }

  /** How often its keys were read. */
  get reads(): number {
    return this.asked.filter((path) => path === this.path + KEYS).length;
  }

  /** Signs with the newest key. `undefined` in claims or header leaves one out. */
  async token(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
    const key = this.keys.at(-1);
    if (key === undefined) throw new Error('the issuer has no key');
    const now = Math.floor(Date.now() / 1_000);
    const times = { iat: now, nbf: now - 5, exp: now + 300, jti: randomUUID() };
    const payload = { iss: this.url, aud: 'coffer', sub: 'a-workload', ...times, ...claims };
    const head = { alg: key.alg, typ: 'JWT', kid: key.kid, ...header };
    return new SignJWT(payload).setProtectedHeader(head).sign(key.privateKey);
  }

  /** A new key signs from now on; the old one is published no longer unless it is kept. */
  async rotate({ keep = false, alg = 'RS256' }: { keep?: boolean; alg?: string } = {}): Promise<void> {
    const key = await makeKey(alg);
    if (keep) this.keys.push(key);
    else this.keys.splice(0, this.keys.length, key);
  }

  /** Answers something else at its discovery document or at its keys. */
  misbehave(where: 'discovery' | 'keys', answer: Answer): void {
    this.answers.set(this.path + (where === 'discovery' ? DISCOVERY : KEYS), answer);
  }

  behave(): void {
    this.answers.clear();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    this.asked.push(path);
    const instead = this.answers.get(path);
    if (instead !== undefined) instead(request, response);
    else if (path === this.path + DISCOVERY) {
      json(response, { issuer: this.url, jwks_uri: this.url + KEYS, response_types_supported: ['id_token'] });
    } else if (path === this.path + KEYS) void this.publish(response);
    else response.writeHead(404).end();
  }

  private async publish(response: ServerResponse): Promise<void> {
    const keys = this.keys.map(async ({ kid, alg, publicKey }) => ({
      ...(await exportJWK(publicKey)),
      kid,
      alg,
      use: 'sig',
    }));
    json(response, { keys: await Promise.all(keys) });
  }
}

export function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function makeKey(alg: string): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid: randomUUID(), alg, privateKey, publicKey };
}

/** What GitHub Actions says of a job on the default branch, with the names and the types that its tokens have. */
export const GITHUB_CLAIMS = {
  sub: 'repo:octo-org/octo-repo:environment:prod',
  environment: 'prod',
  ref: 'refs/heads/main',
  ref_type: 'branch',
  ref_protected: 'true',
  sha: '2a1f8a2cbd2b4e6a9d7e7d5e1c0b9a8f7e6d5c4b',
  repository: 'octo-org/octo-repo',
  repository_id: '74',
  repository_owner: 'octo-org',
  repository_owner_id: '65',
  repository_visibility: 'private',
  run_id: '1234567890',
  run_number: '10',
  run_attempt: '2',
  runner_environment: 'github-hosted',
  actor: 'octocat',
  actor_id: '12',
  workflow: 'deploy',
  workflow_ref: 'octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
  workflow_sha: '2a1f8a2cbd2b4e6a9d7e7d5e1c0b9a8f7e6d5c4b',
  job_workflow_ref: 'octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
  job_workflow_sha: '2a1f8a2cbd2b4e6a9d7e7d5e1c0b9a8f7e6d5c4b',
  head_ref: '',
  base_ref: '',
  event_name: 'push',
  enterprise: 'octo-enterprise',
  enterprise_id: '2',
} as const;

/** What GitLab CI/CD says of a job on the default branch: `runner_id` is a number there, `groups_direct` a list. */
export const GITLAB_CLAIMS = {
  sub: 'project_path:octo-group/octo-project:ref_type:branch:ref:main',
  namespace_id: '72',
  namespace_path: 'octo-group',
  project_id: '20',
  project_path: 'octo-group/octo-project',
  project_visibility: 'private',
  user_id: '1',
  user_login: 'octocat',
  user_email: 'octocat@example.com',
  user_access_level: 'developer',
  groups_direct: ['octo-group', 'octo-group/deployers'],
  pipeline_id: '574',
  pipeline_source: 'push',
  job_id: '302',
  ref: 'main',
  ref_type: 'branch',
  ref_path: 'refs/heads/main',
  ref_protected: 'true',
  environment: 'production',
  environment_protected: 'true',
  deployment_tier: 'production',
  runner_id: 1,
  runner_environment: 'self-hosted',
  sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
  ci_config_ref_uri: 'gitlab.example.com/octo-group/octo-project//.gitlab-ci.yml@refs/heads/main',
  ci_config_sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
} as const;
