import { parseEnv } from 'node:util';
import { parse as parseYaml } from 'yaml';
import { FORMATS } from '../../src/formats/format.js';
import { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import type { Environment, Person } from '../support/world.js';

const ODD = '#1 "quoted" \'single\' $HOME `id` = \\ é🔑';

/** What each format says it is, and how its reader finds the environment-variable form of `stripe-key` in it. */
const MEDIA_TYPES: Record<string, RegExp> = {
  json: /^application\/json; ?charset=utf-8$/,
  yaml: /^application\/yaml; ?charset=utf-8$/,
  k8s: /^application\/yaml; ?charset=utf-8$/,
};

describe('GET …/values?format=', () => {
  let app: TestApp;
  let owner: Person;
  let env: Environment;
  let asPipeline: Client;
  let counter = 0;

  beforeAll(async () => {
    app = await TestApp.start();
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    await app.world.environment('acme/web/default', owner);
    asPipeline = app.as(await app.world.serviceToken(owner, 'consumer', 'acme/web'));
  });

  beforeEach(async () => {
    counter += 1;
    env = await app.world.environment(`acme/web/f${String(counter)}`, owner);
  });

  afterAll(() => app.close());

  const values = (query: string) => asPipeline.get(`${env.path}/values?${query}`).buffer(true);

  it.each(FORMATS)('200: %s is text of its media type, with the ETag of the revision', async (format) => {
    await env.secret('stripe-key', 'sk_live_1');
    const { headers, text } = await values(`format=${format}`).expect(200);
    expect(headers['content-type']).toMatch(MEDIA_TYPES[format] ?? /^text\/plain; ?charset=utf-8$/);
    expect(headers['etag']).toBe('"2"');
    expect(headers['cache-control']).toBe('no-store');
    expect(text).not.toBe('');
  });

  it('200: JSON and YAML have the names as declared, the others the environment-variable form', async () => {
    await env.secret('stripe-key', 'sk');
    expect(JSON.parse((await values('format=json')).text)).toEqual({ 'stripe-key': 'sk' });
    expect(parseYaml((await values('format=yaml')).text)).toEqual({ 'stripe-key': 'sk' });
    expect(parseEnv((await values('format=dotenv')).text)).toEqual({ STRIPE_KEY: 'sk' });
    expect((await values('format=docker')).text).toBe('STRIPE_KEY=sk\n');
    expect((await values('format=shell')).text).toContain('export STRIPE_KEY=');
  });

  it('200: a value comes back from each kind of file as it went in', async () => {
    await env.secret('ODD', ODD);
    await env.secret('EMPTY', '');
    expect(JSON.parse((await values('format=json')).text)).toEqual({ EMPTY: '', ODD });
    expect(parseYaml((await values('format=yaml')).text)).toEqual({ EMPTY: '', ODD });
    const { data } = parseYaml((await values('format=k8s')).text) as { data: Record<string, string> };
    expect(Buffer.from(data['ODD'] ?? '', 'base64').toString('utf8')).toBe(ODD);
    expect(data['EMPTY']).toBe('');
  });

  it('200: k8s is named after project and environment, or as name and namespace say', async () => {
    await env.secret('A', 'a');
    const plain = parseYaml((await values('format=k8s').expect(200)).text);
    expect(plain).toMatchObject({ apiVersion: 'v1', kind: 'Secret', type: 'Opaque' });
    expect(plain.metadata).toEqual({ name: `web-f${String(counter)}` });
    const named = parseYaml((await values('format=k8s&name=app.secrets&namespace=shop').expect(200)).text);
    expect(named.metadata).toEqual({ name: 'app.secrets', namespace: 'shop' });
  });

  it.each([
    ['format=', 'format'],
    ['format=xml', 'format'],
    ['format=JSON', 'format'],
    ['format=json&format=yaml', 'format'],
    ['name=a', 'name'],
    ['namespace=a', 'namespace'],
    ['format=json&name=a', 'name'],
    ['format=dotenv&namespace=a', 'namespace'],
    ['format=k8s&name=', 'name'],
    ['format=k8s&name=Upper', 'name'],
    ['format=k8s&name=a/b', 'name'],
    ['format=k8s&namespace=a.b', 'namespace'],
    ['format=k8s&name=a&name=b', 'name'],
  ])('400: refuses %s', async (query, field) => {
    await env.secret('A', 'canary');
    const { text } = await values(query).expect(400);
    const { code, details } = JSON.parse(text) as { code: string; details: { field: string }[] };
    expect(code).toBe('invalid_request');
    expect(details.map((detail) => detail.field)).toEqual([field]);
  });

  it('422: names every key that the format cannot carry, and shows no value', async () => {
    await env.secret('FINE', 'canary-fine');
    await env.secret('LINES', 'canary-one\ncanary-two');
    await env.secret('more-lines', 'canary-three\r\n');
    const before = (await app.events('acme')).length;
    const { text, headers } = await values('format=docker').expect(422);
    const refusal = JSON.parse(text) as { code: string; details: { name: string }[] };
    expect(refusal.code).toBe('unrepresentable');
    expect(refusal.details.map(({ name }) => name)).toEqual(['LINES', 'more-lines']);
    expect(text).not.toContain('canary');
    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(headers['etag']).toBeUndefined();
    expect(await app.events('acme')).toHaveLength(before);
    await values('format=docker&names=FINE').expect(200);
  });

  it('304: what is known already is not sent, in any format', async () => {
    await env.secret('A', 'a\nb');
    const { headers } = await values('format=json').expect(200);
    const again = await values('format=json')
      .set('if-none-match', headers['etag'] as string)
      .expect(304);
    expect(again.text).toBe('');
    expect((await app.events('acme')).at(-1)?.resource).toMatchObject({ notModified: true });
  });

  it('keeps the rules for names and missing values', async () => {
    await env.secret('A', 'a');
    await env.secret('B', 'b');
    await env.secret('MISSING');
    expect(JSON.parse((await values('format=json').expect(409)).text)).toMatchObject({
      code: 'values_missing',
      details: [{ name: 'MISSING' }],
    });
    expect((await values('format=docker&missing=omit').expect(200)).text).toBe('A=a\nB=b\n');
    expect((await values('format=docker&names=B').expect(200)).text).toBe('B=b\n');
    await values('format=docker&names=B,X').expect(404);
  });

  it('is on record like any other read, with every secret and version that left', async () => {
    await env.secret('A', 'canary');
    await values('format=shell').expect(200);
    const event = (await app.events('acme')).at(-1);
    expect(event).toMatchObject({
      action: 'values.get',
      resource: { revision: 2, secrets: [{ secret: 'A', version: 1 }] },
    });
    expect(JSON.stringify(event)).not.toContain('canary');
  });

  it('403: the owner, who may not read values, gets no file of them either', async () => {
    await env.secret('A', 'a');
    await app.as(owner).get(`${env.path}/values?format=json`).expect(403);
  });
});
