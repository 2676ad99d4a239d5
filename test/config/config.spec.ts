import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { ConfigError, readConfig } from '../../src/config/config.js';
import { databaseAddressFrom } from '../../src/config/database-url.js';

const key = () => randomBytes(32).toString('base64');
const DATABASE = 'postgresql://coffer:pass%40word@db:5432/coffer';

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function onlyProblemOf(env: Record<string, string | undefined>): string {
  const problems = problemsOf(env);
  expect(problems).toHaveLength(1);
  return problems[0] ?? '';
}

describe('without any setting', () => {
  it('everything is at its documented default', () => {
    expect(readConfig({})).toEqual({
      listen: { host: '127.0.0.1', port: 8080 },
      publicUrl: null,
      database: null,
      dataDir: resolve('.coffer'),
      rootKey: { kind: 'data-dir' },
      previousRootKey: null,
      keyProvider: 'local',
      signup: 'open',
      trustedProxies: [],
      rateLimit: true,
      versionsKept: 20,
      retentionDays: 30,
      logLevel: 'info',
      metricsListen: null,
      allowPrivateIssuers: false,
      minClient: null,
    });
  });

  it('the result cannot be changed, at any depth', () => {
    const found = readConfig({});
    expect(Object.isFrozen(found)).toBe(true);
    expect(Object.isFrozen(found.listen)).toBe(true);
    expect(Object.isFrozen(found.trustedProxies)).toBe(true);
  });
});

describe('with every setting given', () => {
  it('each is read', () => {
    const rootKey = randomBytes(32);
    expect(
      readConfig({
        COFFER_LISTEN: '0.0.0.0:9000',
        COFFER_PUBLIC_URL: 'https://coffer.example.com/',
        COFFER_DATABASE_URL: DATABASE,
        COFFER_MIGRATION_DATABASE_URL: 'postgres://owner@db/coffer',
        COFFER_DATA_DIR: '/var/lib/coffer',
        COFFER_ROOT_KEY: rootKey.toString('base64'),
        COFFER_PREVIOUS_ROOT_KEY_FILE: '/run/secrets/old',
        COFFER_KEY_PROVIDER: 'local',
        COFFER_SIGNUP: 'invite',
        COFFER_TRUSTED_PROXIES: '10.0.0.0/8, 192.0.2.7,2001:db8::/32',
        COFFER_RATE_LIMIT: 'off',
        COFFER_VERSIONS_KEPT: '5',
        COFFER_RETENTION_DAYS: '7',
        COFFER_LOG_LEVEL: 'debug',
        COFFER_METRICS_LISTEN: '127.0.0.1:9100',
        COFFER_ALLOW_PRIVATE_ISSUERS: 'true',
        COFFER_MIN_CLIENT: '1.2.3-rc.1',
      }),
    ).toEqual({
      listen: { host: '0.0.0.0', port: 9000 },
      publicUrl: 'https://coffer.example.com',
      database: { url: DATABASE, migrationUrl: 'postgres://owner@db/coffer' },
      dataDir: '/var/lib/coffer',
      rootKey: { kind: 'inline', key: new Uint8Array(rootKey) },
      previousRootKey: { kind: 'file', path: '/run/secrets/old' },
      keyProvider: 'local',
      signup: 'invite',
      trustedProxies: ['10.0.0.0/8', '192.0.2.7/32', '2001:db8::/32'],
      rateLimit: false,
      versionsKept: 5,
      retentionDays: 7,
      logLevel: 'debug',
      metricsListen: { host: '127.0.0.1', port: 9100 },
      allowPrivateIssuers: true,
      minClient: '1.2.3-rc.1',
    });
  });

  it('the login that serves also migrates when no other is named', () => {
    expect(readConfig({ COFFER_DATABASE_URL: DATABASE, COFFER_ROOT_KEY: key() }).database).toEqual({
      url: DATABASE,
      migrationUrl: DATABASE,
    });
  });

  it('the settings of the command line are passed over', () => {
    expect(
      problemsOf({ COFFER_TOKEN: 'cofp_x', COFFER_SERVER: 'http://a', COFFER_ENV: 'a/b/c', HOME: '/' }),
    ).toEqual([]);
  });
});

describe('what is wrong', () => {
  it('is reported all at once, each problem by the name of its setting', () => {
    const problems = problemsOf({
      COFFER_LISTEN: 'everywhere',
      COFFER_SIGNUP: 'sometimes',
      COFFER_VERSIONS_KEPT: '0',
      COFFER_NOT_A_SETTING: '1',
    });
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'COFFER_NOT_A_SETTING',
      'COFFER_LISTEN',
      'COFFER_SIGNUP',
      'COFFER_VERSIONS_KEPT',
    ]);
  });

  it('is told without repeating any value', () => {
    const canary = 'Zq7canary9';
    const names = [
      'LISTEN',
      'PUBLIC_URL',
      'DATABASE_URL',
      'MIGRATION_DATABASE_URL',
      'ROOT_KEY',
      'PREVIOUS_ROOT_KEY',
      'KEY_PROVIDER',
      'SIGNUP',
      'TRUSTED_PROXIES',
      'RATE_LIMIT',
      'VERSIONS_KEPT',
      'RETENTION_DAYS',
      'LOG_LEVEL',
      'METRICS_LISTEN',
      'ALLOW_PRIVATE_ISSUERS',
      'MIN_CLIENT',
      'UNKNOWN',
    ];
    const problems = problemsOf(Object.fromEntries(names.map((name) => [`COFFER_${name}`, canary])));
    for (const name of names) {
      expect(problems.some((problem) => problem.startsWith(`COFFER_${name}: `))).toBe(true);
    }
    expect(problems.join('\n').toLowerCase()).not.toContain(canary.toLowerCase());
  });

  it('is an unknown COFFER_ name, with the setting that was probably meant', () => {
    expect(onlyProblemOf({ COFFER_SINGUP: 'closed' })).toBe(
      'COFFER_SINGUP: is not a setting of this version; did you mean COFFER_SIGNUP?',
    );
    expect(onlyProblemOf({ COFFER_SOMETHING_ELSE: '' })).toBe(
      'COFFER_SOMETHING_ELSE: is not a setting of this version',
    );
  });

  it('is a setting that is given but empty', () => {
    for (const name of ['COFFER_ROOT_KEY', 'COFFER_TRUSTED_PROXIES', 'COFFER_DATA_DIR', 'COFFER_SIGNUP']) {
      expect(onlyProblemOf({ [name]: '' })).toBe(`${name}: is empty; leave it out or give it a value`);
    }
  });
});

describe('listen addresses', () => {
  it.each([
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['localhost:65535', 'localhost', 65_535],
    ['[::1]:8080', '::1', 8080],
    ['[::]:80', '::', 80],
  ])('%s is accepted', (text, host, port) => {
    expect(readConfig({ COFFER_LISTEN: text }).listen).toEqual({ host, port });
  });

  it.each([
    '8080',
    ':8080',
    '127.0.0.1',
    '127.0.0.1:65536',
    '127.0.0.256:80',
    '::1:8080',
    '[::1]',
    '[a]:1',
    'a b:1',
    'x:-1',
    '127.0.0.1:8080 ',
  ])('%j is refused', (text) => {
    expect(onlyProblemOf({ COFFER_LISTEN: text })).toContain('COFFER_LISTEN: must be an address and a port');
  });

  it('metrics cannot share the address of the service', () => {
    expect(
      onlyProblemOf({ COFFER_LISTEN: '127.0.0.1:8080', COFFER_METRICS_LISTEN: '127.0.0.1:8080' }),
    ).toContain('COFFER_METRICS_LISTEN');
  });
});

describe('the public URL', () => {
  it('keeps a path and loses the slash at its end', () => {
    expect(readConfig({ COFFER_PUBLIC_URL: 'http://host:81/coffer/' }).publicUrl).toBe(
      'http://host:81/coffer',
    );
  });

  it.each([
    'coffer.example.com',
    'ftp://a',
    'https://user:pw@a',
    'https://a/?x=1',
    'https://a/#b',
    'https://a?',
    '/x',
  ])('%s is refused', (text) => {
    expect(onlyProblemOf({ COFFER_PUBLIC_URL: text })).toMatch(/^COFFER_PUBLIC_URL: /);
  });
});

describe('database URLs', () => {
  it.each([
    'postgres://u:p@h/d?sslmode=require',
    'postgresql://u@h1:5432,h2:5433/d?target_session_attrs=read-write',
    'postgresql:///d?host=/run/postgresql',
    'postgresql://u:p@[::1]:5432/d',
  ])('%s is accepted', (url) => {
    expect(readConfig({ COFFER_DATABASE_URL: url, COFFER_ROOT_KEY: key() }).database?.url).toBe(url);
  });

  it.each([
    'mysql://u@h/d',
    'host=h dbname=d',
    'postgres://u:p@h:port/d',
    'postgres://u:p@h1,h2:port/d',
    'postgres://u:p@h1:65536,h2/d',
    'postgres://u:p@[::1,h2/d',
    'postgres://u:p@h1,,h2/d',
    'postgres://u:p@h1,/d',
    'postgres://u:p@h1,h2/d?port=1,2,3',
    'postgres://u:p@h/d?target_session_attrs=standby',
    'postgres://u:p@h/d?target_session_attrs=',
    'postgres://u:%zz@h/d',
    'postgres:/h/d',
  ])('%s is refused', (url) => {
    expect(onlyProblemOf({ COFFER_DATABASE_URL: url, COFFER_ROOT_KEY: key() })).toMatch(
      /^COFFER_DATABASE_URL: /,
    );
  });

  it('everything that is wrong with one is told at once, and none of what it says', () => {
    const url = 'postgres://u:canary@h1:5432,,h3/d?target_session_attrs=prefer-standby&port=1,2';
    const problem = onlyProblemOf({ COFFER_DATABASE_URL: url, COFFER_ROOT_KEY: key() });
    expect(problem).toContain('has an empty place in its list of hosts; and it must have one port for each');
    expect(problem).toContain('target_session_attrs: any, read-write, primary');
    expect(problem).not.toMatch(/canary|prefer-standby|h1/);
  });

  it.each<[string, string, [string, number][]]>([
    [
      'postgres://u:p@h1:5433,h2,h3:5434/d',
      'postgres://u:p@h1/d',
      [
        ['h1', 5433],
        ['h2', 5432],
        ['h3', 5434],
      ],
    ],
    [
      'postgres://u:p@[::1]:5433,[fe80::2]/d?sslmode=require',
      'postgres://u:p@[::1]/d?sslmode=require',
      [
        ['::1', 5433],
        ['fe80::2', 5432],
      ],
    ],
    [
      'postgres:///d?host=h1,h2&port=5433',
      'postgres://h1/d',
      [
        ['h1', 5433],
        ['h2', 5433],
      ],
    ],
    [
      'postgres://u@h1,h2/d?port=1,2&options=-c%20a%3Db',
      'postgres://u@h1/d?options=-c%20a%3Db',
      [
        ['h1', 1],
        ['h2', 2],
      ],
    ],
    [
      'postgres://%2Frun%2Fone,%2Frun%2Ftwo/d',
      'postgres://%2Frun%2Fone/d',
      [
        ['/run/one', 5432],
        ['/run/two', 5432],
      ],
    ],
  ])('%s names several hosts, one of which has to take writes', (text, url, hosts) => {
    expect(databaseAddressFrom(text)).toEqual({
      url,
      hosts: hosts.map(([host, port]) => ({ host, port })),
      target: 'read-write',
    });
  });

  it.each([
    ['postgres://u:p@h:5433/d', 'any'],
    ['postgres://u:p@h/d?target_session_attrs=read-write', 'read-write'],
    ['postgresql:///d?host=/run/postgresql&target_session_attrs=primary', 'primary'],
  ])('%s names one host and is left to the driver as it is', (url, target) => {
    expect(databaseAddressFrom(url)).toEqual({ url, hosts: [], target });
  });

  it('any of several hosts will do where the URL says so', () => {
    expect(databaseAddressFrom('postgres://h1,h2/d?target_session_attrs=any').target).toBe('any');
  });

  it('a login that migrates needs a database to migrate', () => {
    expect(onlyProblemOf({ COFFER_MIGRATION_DATABASE_URL: DATABASE })).toContain('needs COFFER_DATABASE_URL');
  });
});

describe('root keys', () => {
  it('a database URL without a root key is refused, with what to do', () => {
    expect(onlyProblemOf({ COFFER_DATABASE_URL: DATABASE })).toMatch(
      /COFFER_ROOT_KEY_FILE: is needed .*openssl rand -base64 32/,
    );
  });

  it('a key and a file at once contradict each other', () => {
    expect(onlyProblemOf({ COFFER_ROOT_KEY: key(), COFFER_ROOT_KEY_FILE: '/k' })).toContain('contradicts');
    expect(onlyProblemOf({ COFFER_PREVIOUS_ROOT_KEY: key(), COFFER_PREVIOUS_ROOT_KEY_FILE: '/k' })).toContain(
      'contradicts',
    );
  });

  it('the previous root key must be another one', () => {
    const same = key();
    expect(onlyProblemOf({ COFFER_ROOT_KEY: same, COFFER_PREVIOUS_ROOT_KEY: same })).toContain(
      'present root key',
    );
    expect(onlyProblemOf({ COFFER_ROOT_KEY_FILE: 'k', COFFER_PREVIOUS_ROOT_KEY_FILE: './k' })).toContain(
      'present root key',
    );
  });

  it('a key is read with and without padding, in both alphabets', () => {
    const bytes = Buffer.concat([Buffer.from([0xfb, 0xff, 0xbf]), randomBytes(29)]);
    for (const text of [
      bytes.toString('base64'),
      bytes.toString('base64').replace('=', ''),
      bytes.toString('base64url'),
      `${bytes.toString('base64')}\n`,
    ]) {
      expect(readConfig({ COFFER_ROOT_KEY: text }).rootKey).toEqual({
        kind: 'inline',
        key: new Uint8Array(bytes),
      });
    }
  });

  it.each([
    ['31 bytes', randomBytes(31).toString('base64'), 'has 31 bytes'],
    ['33 bytes', randomBytes(33).toString('base64'), 'has 33 bytes'],
    ['hexadecimal digits', randomBytes(32).toString('hex'), 'looks hexadecimal'],
    ['a stray character', `${key().slice(0, 20)}!${key().slice(21)}`, 'is not base64'],
    ['white space only', '  ', 'is empty'],
    ['zeros', Buffer.alloc(32).toString('base64'), 'all its bytes are equal'],
    ['one byte again and again', Buffer.alloc(32, 0x5a).toString('base64'), 'all its bytes are equal'],
    ['a short pattern', Buffer.alloc(32, randomBytes(4)).toString('base64'), 'repeats a few bytes'],
    [
      'a half twice',
      Buffer.alloc(32, Buffer.from('0f1e2d3c4b5a69788796a5b4c3d2e1f0', 'hex')).toString('base64'),
      'second half',
    ],
    [
      'counting bytes',
      Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('base64'),
      'count up or down',
    ],
    ['a passphrase', Buffer.from('correct horse battery staple 123').toString('base64'), 'readable text'],
  ])('%s: refused with the reason', (_what, text, reason) => {
    const problem = onlyProblemOf({ COFFER_ROOT_KEY: text });
    expect(problem).toContain(reason);
    expect(problem).not.toContain(text.trim() === '' ? '  ' : text);
  });

  it('a key provider of a later version says that it is not there yet', () => {
    expect(onlyProblemOf({ COFFER_KEY_PROVIDER: 'aws-kms' })).toContain('not available in this version');
    expect(onlyProblemOf({ COFFER_KEY_PROVIDER: 'magic' })).toContain('must be one of: local');
  });
});

describe('trusted proxies', () => {
  it('an IPv4-mapped range of 96 bits or more is accepted', () => {
    expect(
      readConfig({ COFFER_TRUSTED_PROXIES: '::ffff:0:0/96,::ffff:10.0.0.0/104' }).trustedProxies,
    ).toHaveLength(2);
  });

  it.each([
    ['::ffff:0:0/95', 'at least 96 bits'],
    ['::ffff:10.0.0.1/64', 'at least 96 bits'],
    ['::/0', 'at least 96 bits'],
    ['0.0.0.0/0', 'anybody would be believed'],
    ['10.0.0.1/8', 'beyond its prefix'],
    ['2001:db8::1/32', 'beyond its prefix'],
    ['10.0.0.0/33', 'CIDR'],
    ['10.0/8', 'CIDR'],
    ['0x7f.1/32', 'CIDR'],
    ['10.0.0.0/8,', 'entry 2'],
    ['proxy.internal', 'CIDR'],
  ])('%s is refused', (text, reason) => {
    expect(onlyProblemOf({ COFFER_TRUSTED_PROXIES: text })).toContain(reason);
  });
});

describe('numbers, switches and versions', () => {
  it.each([
    ['COFFER_VERSIONS_KEPT', ['0', '-1', '1.5', '1e3', ' 5', '10001', 'x']],
    ['COFFER_RETENTION_DAYS', ['-1', '36501', '٣']],
    ['COFFER_RATE_LIMIT', ['ON', 'true', '1']],
    ['COFFER_ALLOW_PRIVATE_ISSUERS', ['yes', 'True', '1']],
    ['COFFER_LOG_LEVEL', ['INFO', 'verbose']],
    ['COFFER_MIN_CLIENT', ['1', '1.2', 'v1.2.3', '01.2.3', '1.2.3-', '1.2.3-01', '1.2.3-a..b']],
  ])('%s refuses what is not exactly one', (name, texts) => {
    for (const text of texts)
      expect(onlyProblemOf({ [name]: text })).toMatch(new RegExp(`^${name}: must be `));
  });
});
