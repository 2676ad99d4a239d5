import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readConfig, SETTINGS } from '../../src/config/config.js';
import { ROOT } from '../support/sources.js';

// What ships the service is read as text and as data; no container engine is needed to see that it keeps its promises.

type Service = Readonly<{
  image?: string;
  build?: string;
  ports?: readonly string[];
  environment?: Readonly<Record<string, string>>;
  networks?: readonly string[];
  secrets?: readonly string[];
  healthcheck?: unknown;
}>;
type Compose = Readonly<{
  services: Readonly<Record<string, Service>>;
  networks: Readonly<Record<string, Readonly<{ internal?: boolean }> | null>>;
  secrets: Readonly<Record<string, Readonly<{ file: string }>>>;
}>;

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

function readCompose(): Compose {
  const compose: Compose = parse(read('docker-compose.yml'));
  return compose;
}

/** Each instruction of the Dockerfile on one line, without comments. */
const instructions = read('Dockerfile')
  .split('\n')
  .filter((line) => !/^\s*#/.test(line))
  .join('\n')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '');
const lastStage = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')));
const isPinned = (image: string) => /:\d+[\w.-]*$/.test(image);

describe('docker-compose.yml', () => {
  const { services, networks, secrets } = readCompose();
  const coffer = services['coffer'] ?? {};
  const database = services['database'] ?? {};

  it('publishes no port of the database and gives it a network without a way out', () => {
    expect(database.ports).toBeUndefined();
    expect(database.networks).toEqual(['private']);
    expect(networks['private']).toEqual({ internal: true });
    expect(coffer.networks).toContain('private');
  });

  it('publishes the service on the loopback address only', () => {
    expect(coffer.ports).toEqual(['127.0.0.1:8080:8080']);
  });

  it('holds no password and no key itself, and hands the root key over as a file', () => {
    expect(coffer.environment?.['COFFER_ROOT_KEY']).toBeUndefined();
    expect(coffer.environment?.['COFFER_ROOT_KEY_FILE']).toBe('/run/secrets/root_key');
    expect(coffer.secrets).toEqual(['root_key']);
    expect(secrets['root_key']?.file).toBe('./secrets/root.key');
    expect(coffer.environment?.['COFFER_DATABASE_URL']).toMatch(
      /^postgresql:\/\/coffer:\$\{DATABASE_PASSWORD:\?/,
    );
    expect(database.environment?.['POSTGRES_PASSWORD']).toMatch(/^\$\{DATABASE_PASSWORD:\?/);
  });

  it('gives the service settings that it starts with', () => {
    const environment = Object.fromEntries(
      Object.entries(coffer.environment ?? {}).map(([name, text]) => [
        name,
        text.replaceAll(/\$\{[^}]*\}/g, 'x'),
      ]),
    );
    expect(readConfig({ ...environment, ...settingsOfTheImage() }).rootKey).toEqual({
      kind: 'file',
      path: '/run/secrets/root_key',
    });
  });

  it('takes images of a named version only, and knows whether the database is ready', () => {
    for (const { image, build } of Object.values(services)) {
      expect(build === '.' || isPinned(image ?? '')).toBe(true);
    }
    expect(database.healthcheck).toBeDefined();
  });

  it('keeps what a newcomer makes for it out of the repository and out of the image', () => {
    expect(read('.gitignore').split('\n')).toEqual(expect.arrayContaining(['/.env', '/secrets/']));
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(allowed[0]).toBe('*');
    expect(allowed.filter((line) => /env|secrets|coffer/.test(line))).toEqual([]);
  });
});

/** The settings that the image itself carries. */
function settingsOfTheImage(): Record<string, string> {
  const env = lastStage.filter((line) => line.startsWith('ENV ')).join(' ');
  return Object.fromEntries(
    [...env.matchAll(/(COFFER_\w+)=(\S+)/g)].map(([, name = '', text = '']) => [name, text]),
  );
}

describe('the Dockerfile', () => {
  it('builds on a named version of Node that the service supports', () => {
    const images = instructions
      .filter((line) => line.startsWith('FROM '))
      .map((line) => line.split(' ')[1] ?? '');
    expect(new Set(images).size).toBe(1);
    for (const image of images) expect(image).toMatch(/^node:(?:20|22|24)[\w.]*-\w+-slim$/);
  });

  it('serves as a user who is not root, in a process that receives its own signals', () => {
    expect(lastStage.filter((line) => line.startsWith('USER '))).toEqual(['USER node']);
    expect(lastStage.at(-1)).toBe('CMD ["node", "--enable-source-maps", "dist/src/main.js"]');
    expect(lastStage.some((line) => line.startsWith('HEALTHCHECK '))).toBe(true);
  });

  it('leaves tools and sources behind', () => {
    const kept = lastStage.filter((line) => line.startsWith('COPY '));
    expect(kept.some((line) => /\bsrc\b|\btest\b|COPY \./.test(line))).toBe(false);
    expect(instructions.some((line) => line.includes('npm prune --omit=dev'))).toBe(true);
    expect(instructions.some((line) => line.startsWith('ADD '))).toBe(false);
  });

  it('copies only what is there and what .dockerignore lets through', () => {
    const ignored = read('.dockerignore').split('\n');
    const sources = instructions
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(' ').slice(1, -1));
    expect(sources.length).toBeGreaterThan(5);
    for (const source of sources) {
      expect(existsSync(join(ROOT, source))).toBe(true);
      expect(ignored).toContain(`!${source}`);
    }
  });

  it('sets settings that exist', () => {
    const names = Object.keys(settingsOfTheImage());
    expect(names).toEqual(['COFFER_LISTEN', 'COFFER_DATA_DIR']);
    expect(SETTINGS).toEqual(expect.arrayContaining(names));
  });
});
