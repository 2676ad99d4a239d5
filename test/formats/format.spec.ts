import { contentType, type Format, FORMATS, isFormat, write } from '../../src/formats/format.js';

const OPTIONS = { secret: { name: 'web-prod' } };

describe('the formats', () => {
  it('are known by these names and by no other', () => {
    expect([...FORMATS].sort()).toEqual(
      'compose docker dotenv github-env github-mask gitlab-dotenv json k8s shell systemd yaml'.split(' '),
    );
    for (const name of ['', 'JSON', 'env', 'toString', '__proto__', 'constructor'])
      expect(isFormat(name)).toBe(false);
    for (const name of FORMATS) expect(isFormat(name)).toBe(true);
  });

  it.each([
    ['json', 'application/json; charset=utf-8'],
    ['yaml', 'application/yaml; charset=utf-8'],
    ['k8s', 'application/yaml; charset=utf-8'],
    ['dotenv', 'text/plain; charset=utf-8'],
    ['github-mask', 'text/plain; charset=utf-8'],
  ] as const)('%s is served as %s', (format, type) => {
    expect(contentType(format)).toBe(type);
  });
});

describe('the look of each format', () => {
  const entries = [
    { name: 'stripe-key', value: "it's $5" },
    { name: 'tls.port', value: '443' },
  ];

  it.each<[Format, string]>([
    ['json', '{\n  "stripe-key": "it\'s $5",\n  "tls.port": "443"\n}\n'],
    ['yaml', 'stripe-key: "it\'s $5"\ntls.port: "443"\n'],
    ['dotenv', "STRIPE_KEY=`it's $5`\nTLS_PORT=443\n"],
    ['shell', "export STRIPE_KEY='it'\\''s $5'\nexport TLS_PORT='443'\n"],
    ['docker', "STRIPE_KEY=it's $5\nTLS_PORT=443\n"],
    ['compose', "STRIPE_KEY='it\\'s $5'\nTLS_PORT='443'\n"],
    ['github-mask', "::add-mask::it's $5\n"],
    ['systemd', 'STRIPE_KEY="it\'s $5"\nTLS_PORT="443"\n'],
    [
      'k8s',
      'apiVersion: v1\nkind: Secret\nmetadata:\n  name: web-prod\ntype: Opaque\n' +
        'data:\n  STRIPE_KEY: "aXQncyAkNQ=="\n  TLS_PORT: "NDQz"\n',
    ],
  ])('%s', (format, text) => {
    expect(write(format, entries, OPTIONS)).toEqual({ text });
  });

  it('of an environment without secrets is an empty file or an empty mapping', () => {
    for (const format of FORMATS) {
      const expected =
        format === 'json' || format === 'yaml' ? '{}\n' : format === 'k8s' ? /\ndata: \{\}\n$/ : /^$/;
      const written = write(format, [], OPTIONS);
      if (typeof expected === 'string') expect(written).toEqual({ text: expected });
      else expect(written).toEqual({ text: expect.stringMatching(expected) });
    }
  });
});

describe('a file that cannot be written', () => {
  it('names every secret that stands in its way, as it was declared, and shows no value', () => {
    const entries = [
      { name: 'fine', value: 'x' },
      { name: 'tls.key', value: 'hunter2\nhunter3' },
      { name: 'other-key', value: 'hunter4\r' },
    ];
    for (const format of ['docker', 'gitlab-dotenv'] as const) {
      const written = write(format, entries, OPTIONS);
      const names = 'unrepresentable' in written ? written.unrepresentable.map(({ name }) => name) : [];
      expect(names).toEqual(['tls.key', 'other-key']);
      expect(JSON.stringify(written)).not.toMatch(/hunter/);
    }
  });

  it.each(FORMATS)('%s: refuses a NUL, half a surrogate pair and too large a value', (format) => {
    const values = ['a\0b', 'a\ud800', 'x'.repeat(65_537)];
    const entries = values.map((value, index) => ({ name: `V${index}`, value }));
    expect(write(format, entries, OPTIONS)).toEqual({
      unrepresentable: entries.map(({ name }) => ({ name, reason: expect.stringMatching(/^A value /) })),
    });
  });

  it.each(FORMATS)('%s: refuses two secrets that would become one', (format) => {
    const twice = [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ];
    expect(write(format, twice, OPTIONS)).toHaveProperty('unrepresentable.length', 2);
    const spellings = [
      { name: 'api-key', value: '1' },
      { name: 'API_KEY', value: '2' },
    ];
    const keepsSpelling = format === 'json' || format === 'yaml';
    expect('text' in write(format, spellings, OPTIONS)).toBe(keepsSpelling);
  });

  it.each(FORMATS)('%s: is a mistake of the caller when a name could end a line', (format) => {
    for (const name of ['A\nB', 'A=B', '', "A'", 'A:']) {
      expect(() => write(format, [{ name, value: 'x' }], OPTIONS)).toThrow(TypeError);
    }
  });
});

describe('names that mean something elsewhere', () => {
  it.each([
    'toString',
    'hasOwnProperty',
    'valueOf',
    '__defineGetter__',
    'no',
    'Y',
    'null',
    'true',
    'on',
    'n',
  ])('%s stays a plain name in JSON and YAML', (name) => {
    const json = write('json', [{ name, value: 'x' }], OPTIONS);
    expect(json).toEqual({ text: `{\n  "${name}": "x"\n}\n` });
    const yaml = write('yaml', [{ name, value: 'x' }], OPTIONS);
    const isAmbiguous = /^(?:no|Y|null|true|on|n)$/.test(name);
    expect(yaml).toEqual({ text: isAmbiguous ? `"${name}": "x"\n` : `${name}: "x"\n` });
  });
});

describe('characters that older readers of YAML do not print', () => {
  it('are escaped, so that none of them is folded into a space or refused', () => {
    const value = '\u007f\u0085\u009f\u2028\u2029\ufeff\ufffe\uffff\u{1f600}é';
    expect(write('yaml', [{ name: 'A', value }], OPTIONS)).toEqual({
      text: 'A: "\\u007f\\u0085\\u009f\\u2028\\u2029\\ufeff\\ufffe\\uffff\u{1f600}é"\n',
    });
  });

  it('never make a value span lines', () => {
    const value = 'a long line that a writer might fold somewhere, if it were allowed to\n'.repeat(5);
    const written = write('yaml', [{ name: 'A', value }], OPTIONS);
    expect('text' in written && written.text.split('\n').length).toBe(2);
  });
});

describe('a line for Docker', () => {
  it('is refused when it would not fit into the buffer of the reader, end included', () => {
    const fits = 'x'.repeat(65_535 - 'A='.length);
    expect(write('docker', [{ name: 'A', value: fits }], OPTIONS)).toHaveProperty('text');
    expect(write('docker', [{ name: 'A', value: `${fits}x` }], OPTIONS)).toHaveProperty('unrepresentable');
  });
});
