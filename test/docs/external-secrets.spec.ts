import { connect } from 'node:net';
import { parseAllDocuments } from 'yaml';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Page } from '../support/document.js';
import type { Environment, Person } from '../support/world.js';

const SERVER = 'https://coffer.example.com';

type Store = Readonly<{
  url: string;
  headers: Record<string, string>;
  result: { jsonPath: string };
  secrets: readonly object[];
}>;

type Manifest = Readonly<{
  kind: string;
  metadata: { name: string; labels?: object };
  spec: Readonly<{
    provider: { webhook: Store };
    secretStoreRef: { name: string };
    target: { deletionPolicy: string };
    dataFrom: readonly { extract: { key: string } }[];
  }>;
}>;

/** What the operator does with an answer: use its data, take the secret for deleted, or keep what it has and tell of an error. */
type Outcome = Readonly<{ status: number; data: unknown }> | 'deleted' | `error ${number}`;

/**
 * The requests of the External Secrets Operator's webhook provider, byte for byte as Go's client writes them, with url and headers out of
 * the manifests on our page, and what it makes of the answers. After its sources: providers/v1/webhook and its pkg/webhook, 2026.
 */
describe('the webhook provider of the External Secrets Operator, as docs/reading-secrets.md sets it up', () => {
  const page = new Page('docs/reading-secrets.md');
  const manifests = ['external-secrets.yaml', 'external-secrets-single.yaml'].flatMap((name) =>
    parseAllDocuments(page.file(name)).map((document) => document.toJS() as Manifest),
  );
  const manifest = (kind: string, name: string): Manifest => {
    const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
    if (found === undefined) throw new Error(`the page has no ${kind} ${name}`);
    return found;
  };
  const allOfThem = () =>
    ask('coffer-web-prod', manifest('ExternalSecret', 'web-secrets').spec.dataFrom[0]?.extract.key ?? '');
  const single = (key = 'STRIPE_KEY') => ask('coffer-web-prod-single', key);

  let app: TestApp;
  let owner: Person;
  let asOwner: Client;
  let env: Environment;
  let token: { id: string; token: string };

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    asOwner = app.as(owner);
  });

  beforeEach(async () => {
    await app.world.org('acme', owner);
    env = await app.world.environment('acme/web/prod', owner);
    token = await app.world.serviceToken(owner, 'consumer', 'acme/web/prod');
    await env.secret('STRIPE_KEY', 'sk_live "1"\n');
    await env.secret('other-key', '');
  });

  afterEach(async () => {
    await asOwner.delete('/orgs/acme');
  });

  afterAll(() => app.close());

  async function ask(store: string, key: string, credential = token.token): Promise<Outcome> {
    const { url, headers, result } = manifest('SecretStore', store).spec.provider.webhook;
    const { host, pathname, search } = new URL(
      rendered(url, escapedLikeGo(key), credential).replace(SERVER, app.url),
    );
    const lines = [
      `GET ${pathname}${search} HTTP/1.1`,
      `Host: ${host}`,
      'User-Agent: Go-http-client/1.1',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${rendered(value, key, credential)}`),
      'Accept-Encoding: gzip',
    ];
    const answer = await exchange(app.url, `${lines.join('\r\n')}\r\n\r\n`);
    const [head = '', ...body] = answer.split('\r\n\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
    if (status === 404) return 'deleted';
    if (status < 200 || status >= 300) return `error ${status}`;
    expect(head.toLowerCase()).not.toContain('content-encoding');
    const member = /^\$\.(\w+)$/.exec(result.jsonPath)?.[1] ?? '';
    const parsed = JSON.parse(Buffer.from(body.join('\r\n\r\n'), 'latin1').toString('utf8'));
    return { status, data: parsed[member] };
  }

  it('its manifests belong together', () => {
    const { labels, name } = manifest('Secret', 'coffer-token').metadata;
    expect(labels).toEqual({ 'external-secrets.io/type': 'webhook' });
    for (const store of ['coffer-web-prod', 'coffer-web-prod-single']) {
      const { secrets, headers } = manifest('SecretStore', store).spec.provider.webhook;
      expect(secrets).toEqual([{ name: 'coffer', secretRef: { name } }]);
      expect(headers).toEqual({ Authorization: 'Bearer {{ .coffer.token }}' });
    }
    for (const one of manifests.filter(({ kind }) => kind === 'ExternalSecret')) {
      expect(manifest('SecretStore', one.spec.secretStoreRef.name)).toBeDefined();
      expect(one.spec.target.deletionPolicy).toBe('Retain');
    }
  });

  it('gets all values in one request, as a flat object of strings', async () => {
    expect(await allOfThem()).toEqual({
      status: 200,
      data: { STRIPE_KEY: 'sk_live "1"\n', 'other-key': '' },
    });
  });

  it('gets a single value as a string', async () => {
    expect(await single()).toEqual({ status: 200, data: 'sk_live "1"\n' });
    expect(await single('other-key')).toEqual({ status: 200, data: '' });
  });

  it('sees a deletion as one: a key less in the object, a 404 for the single one', async () => {
    await asOwner.delete(env.secretPath('STRIPE_KEY')).expect(200);
    expect(await allOfThem()).toEqual({ status: 200, data: { 'other-key': '' } });
    expect(await single()).toBe('deleted');
  });

  describe('never takes for deleted what it only may not read', () => {
    const both = async (): Promise<Outcome[]> => [await allOfThem(), await single()];

    it('a revoked token', async () => {
      await asOwner.delete(`/acme/web/tokens/${token.id}`).expect(204);
      expect(await both()).toEqual(['error 401', 'error 401']);
    });

    it('an expired token', async () => {
      await app.sql.query('update service_tokens set expires_at = now() where id = $1', [token.id]);
      expect(await both()).toEqual(['error 401', 'error 401']);
    });

    it('a token that is used from another address', async () => {
      const { body } = await asOwner
        .post('/acme/web/tokens', {
          name: 'far',
          role: 'consumer',
          envName: 'prod',
          allowedIps: ['192.0.2.0/24'],
        })
        .expect(201);
      token = body;
      expect(await both()).toEqual(['error 401', 'error 401']);
    });

    it('a role that lost the permission', async () => {
      await app.world.role(owner, 'acme', 'reader', ['secrets:read', 'secrets:get-value']);
      await asOwner
        .post('/orgs/acme/grants', { user: 'olivia', role: 'consumer', project: 'web' })
        .expect(201);
      token = await app.world.serviceToken(owner, 'reader', 'acme/web/prod');
      expect(await both()).toEqual([expect.anything(), { status: 200, data: 'sk_live "1"\n' }]);
      await asOwner.put('/orgs/acme/roles/reader', { permissions: ['secrets:read'] }).expect(200);
      expect(await both()).toEqual(['error 403', 'error 403']);
    });

    it('a value that is missing', async () => {
      await env.secret('MISSING');
      expect(await allOfThem()).toBe('error 409');
      expect(await single('MISSING')).toBe('error 409');
    });

    it('a service that cannot put the read on record', async () => {
      await app.sql.query('begin');
      await app.sql.query('lock table org_chain_heads in access exclusive mode');
      expect(await allOfThem()).toBe('error 503');
      await app.sql.query('rollback');
      expect(await allOfThem()).toMatchObject({ status: 200 });
    });

    it.each([
      ['an environment', '/acme/web/environments/prod?force=true'],
      ['a project', '/orgs/acme/projects/web?force=true'],
      ['an organisation', '/orgs/acme'],
    ])('%s that is gone, and its tokens with it', async (_, path) => {
      await asOwner.delete(path).expect(204);
      expect(await both()).toEqual(['error 401', 'error 401']);
    });
  });

  it('would take it for deleted with the credentials that the page warns of', async () => {
    const elsewhere = await app.world.environment('acme/web/staging', owner);
    expect(elsewhere.path).toContain('staging');
    const other = await app.world.serviceToken(owner, 'consumer', 'acme/web/staging');
    expect(await ask('coffer-web-prod', 'all', other.token)).toBe('deleted');
    const person = await app.world.user('pat');
    const grant = await app.world.grant(owner, person, 'consumer', 'acme/web/prod');
    expect(await ask('coffer-web-prod', 'all', person.token)).toMatchObject({ status: 200 });
    await asOwner.delete(`/orgs/acme/grants/${grant}`).expect(204);
    expect(await ask('coffer-web-prod', 'all', person.token)).toBe('deleted');
  });
});

/** Go's text/template, as far as our manifests use it. */
function rendered(template: string, key: string, credential: string): string {
  return template
    .replaceAll('{{ .remoteRef.key }}', () => key)
    .replaceAll('{{ .coffer.token }}', () => credential);
}

/** Go's url.QueryEscape, which the provider applies to the key before it goes into the url. */
function escapedLikeGo(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1).replaceAll('*', '%2A');
}

/** Sends these bytes and returns the answer's, when as many have come as it announces. */
function exchange(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      const end = answer.indexOf('\r\n\r\n');
      const length = /^content-length: (\d+)\r$/im.exec(answer.slice(0, end + 2))?.[1];
      if (end >= 0 && length !== undefined && answer.length >= end + 4 + Number(length)) socket.destroy();
    });
    socket.on('close', () => {
      resolve(answer);
    });
    socket.on('error', reject);
  });
}
