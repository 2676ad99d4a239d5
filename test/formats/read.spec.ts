import fc from 'fast-check';
import { type Format, write } from '../../src/formats/format.js';
import { read, type Read, type ReadableFormat } from '../../src/formats/read.js';
import { anyValue, HARD_VALUES } from './hard-values.js';

describe('reading back what was written', () => {
  const written: readonly (readonly [Format, ReadableFormat])[] = [
    ['json', 'json'],
    ['yaml', 'yaml'],
    ['k8s', 'k8s'],
    ['dotenv', 'dotenv'],
  ];

  it.each(written)('%s, any value', (format, readable) => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 12 }), (values) => {
        const entries = values.map((value, index) => ({ name: `V${index}`, value }));
        const possible = entries.filter(
          (entry) => textOf(format, [entry]) !== null && isSound(format, entry.value),
        );
        expect(readText(textOf(format, possible) ?? '', 'file', readable)).toEqual({ entries: possible });
      }),
      { numRuns: 300 },
    );
  });

  it.each(written)('%s, the hard values', (format, readable) => {
    const entries = Object.values(HARD_VALUES).map((value, index) => ({ name: `V${index}`, value }));
    const possible = entries.filter((entry) => textOf(format, [entry]) !== null);
    expect(possible.length).toBeGreaterThan(60);
    expect(readText(textOf(format, possible) ?? '', 'file', readable)).toEqual({ entries: possible });
  });
});

describe('what a file is', () => {
  const asJson = '{"A": "x"}';
  const asYaml = 'A: x\n';
  const asManifest = 'apiVersion: v1\nkind: Secret\ndata:\n  A: eA==\n';

  it.each([
    ['.env', 'A=x'],
    ['.env.local', 'A=x'],
    ['secrets', 'A=x'],
    ['secrets.txt', 'A=x'],
    ['json', 'A=x'],
    ['a.json', asJson],
    ['A.JSON', asJson],
    ['secrets', asJson],
    ['-', `\ufeff \n${asJson}`],
    ['a.yaml', asYaml],
    ['a.yml', asYaml],
    ['a.YML', asYaml],
    ['a.yaml', asJson],
    ['a.yaml', asManifest],
    ['a.json', '{"apiVersion": "v1", "kind": "Secret", "data": {"A": "eA=="}}'],
  ])('%s with %j holds the one secret', (fileName, text) => {
    expect(readText(text, fileName)).toEqual({ entries: [{ name: 'A', value: 'x' }] });
  });

  it('is what the caller says, whatever its name', () => {
    expect(readText(asManifest, 'x.json', 'k8s')).toEqual({ entries: [{ name: 'A', value: 'x' }] });
    expect(readText(asYaml, '.env', 'yaml')).toEqual({ entries: [{ name: 'A', value: 'x' }] });
    expect(readText(asManifest, 'x.yaml', 'yaml')).toEqual({
      problems: [{ line: 3, problem: 'A mapping stands where text belongs.' }],
    });
  });

  it('may be empty', () => {
    for (const format of ['dotenv', 'yaml'] as const) {
      for (const text of ['', '\n\n', '# nothing\n', '\ufeff'])
        expect(readText(text, 'x', format)).toEqual({ entries: [] });
    }
    expect(readText('{}', 'x.json')).toEqual({ entries: [] });
    expect(readText('', 'x.json')).toHaveProperty('problems');
  });
});

describe.each(['dotenv', 'json', 'yaml', 'k8s'] as const)('any file of secrets as %s', (format) => {
  const line = (name: string, text: string): string => {
    if (format === 'dotenv') return `${name}=${text}`;
    return format === 'json'
      ? `"${name}": ${JSON.stringify(text)},`
      : `${'  '.repeat(Number(format === 'k8s'))}${name}: "${text}"`;
  };
  const first = { dotenv: 1, json: 2, yaml: 1, k8s: 3 }[format];
  const before = { dotenv: '', json: '{\n', yaml: '', k8s: 'kind: Secret\nstringData:\n' }[format];
  const after = format === 'json' ? '\n"LAST": "x"}\n' : '\n';
  const file = (...lines: string[]): string => before + lines.join('\n') + after;

  it('tells every name that is refused, with its line, and does not show what is no name', () => {
    const text = file(
      line('A', 'x'),
      line('PATH', 'x'),
      line('hunter2-ä', 'x'),
      line('B', 'x'),
      line('ld-preload', 'x'),
    );
    const found = readText(text, 'file', format);
    expect(linesOf(found)).toEqual([first + 1, first + 2, first + 4]);
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });

  it('tells every name that comes twice, in another spelling too', () => {
    const text = file(line('A', 'x'), line('b-c', 'x'), line('A', 'y'), line('B_C', 'y'), line('A', 'z'));
    expect(readText(text, 'file', format)).toEqual({
      problems: [
        { line: first + 2, problem: `This name stands in line ${first} already.` },
        { line: first + 3, problem: `Another spelling of this name stands in line ${first + 1} already.` },
        { line: first + 4, problem: `This name stands in line ${first} already.` },
      ],
    });
  });

  it('tells a name that comes twice beside a value that cannot be read', () => {
    const bad = { dotenv: "A='x", json: '"A": 1,', yaml: 'A: 1', k8s: '  A: 1' }[format];
    const found = readText(file(bad, line('A', 'x')), 'file', format);
    expect(found).toEqual({
      problems: [
        { line: first, problem: expect.any(String) },
        { line: first + 1, problem: `This name stands in line ${first} already.` },
      ],
    });
  });

  it.each(['__proto__', 'constructor', 'prototype', 'Constructor'])(
    'refuses %s and is not changed by it',
    (name) => {
      const found = readText(file(line(name, 'polluted'), line('A', 'x')), 'file', format);
      expect(linesOf(found)).toEqual([first]);
      expect(Object.prototype).not.toHaveProperty('polluted');
      expect(Object.keys(Object.prototype)).toEqual([]);
    },
  );

  it('takes names that objects have anyway for what they are', () => {
    const text =
      format === 'json'
        ? '{"toString": "x", "hasOwnProperty": "y"}'
        : file(line('toString', 'x'), line('hasOwnProperty', 'y'));
    expect(readText(text, 'file', format)).toEqual({
      entries: [
        { name: 'toString', value: 'x' },
        { name: 'hasOwnProperty', value: 'y' },
      ],
    });
  });

  it('tells every value that is too large, with its line', () => {
    const large = 'x'.repeat(65_537);
    expect(
      linesOf(readText(file(line('A', large), line('B', 'x'), line('C', large)), 'file', format)),
    ).toEqual([first, first + 2]);
  });

  it('tells every line that is not UTF-8, and does not repair it', () => {
    const bytes = Buffer.from(file(line('A', 'x'), line('B', 'x'), line('C', 'z')), 'utf8');
    for (const at of [bytes.indexOf('A'), bytes.indexOf('z')]) bytes[at] = 0xff;
    expect(read(bytes, 'file', format)).toEqual({
      problems: [
        { line: first, problem: 'The line is not UTF-8 text.' },
        { line: first + 2, problem: 'The line is not UTF-8 text.' },
      ],
    });
  });

  it('says so when it is UTF-16', () => {
    const found = read(Buffer.from(`\ufeff${file(line('A', 'x'))}`, 'utf16le'), 'file', format);
    expect(found).toEqual({ problems: [{ line: 1, problem: expect.stringContaining('UTF-16') }] });
  });

  it('may begin with a byte order mark and end its lines like Windows', () => {
    const text = `\ufeff${file(line('A', 'x'), line('B', 'y'))}`.replaceAll('\n', '\r\n');
    expect(readText(text, 'file', format)).toEqual({
      entries: [
        { name: 'A', value: 'x' },
        { name: 'B', value: 'y' },
        ...(format === 'json' ? [{ name: 'LAST', value: 'x' }] : []),
      ],
    });
  });

  it('never throws and never shows a piece of what it cannot read', () => {
    const marked = fc.array(
      fc.oneof(anyValue, fc.constantFrom('hunter2', '{', '"A"', ': ', ',', '\nA=', '\n', '["', '&', '!!')),
      {
        maxLength: 10,
      },
    );
    fc.assert(
      fc.property(marked, (pieces) => {
        const found = readText(pieces.join(''), 'file', format);
        if ('problems' in found) {
          expect(JSON.stringify(found)).not.toContain('hunter2');
          expect(found.problems.length).toBeGreaterThan(0);
          expect(found.problems.every(({ line: at }) => Number.isInteger(at) && at >= 1)).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

/** A quoted line of Windows comes back as a line feed, by the rules of the format. */
function isSound(format: Format, value: string): boolean {
  return format !== 'dotenv' || !value.includes('\r\n');
}

function textOf(format: Format, entries: readonly { name: string; value: string }[]): string | null {
  const written = write(format, entries, { secret: { name: 'web-prod' } });
  return 'text' in written ? written.text : null;
}

function readText(text: string, fileName: string, format?: ReadableFormat): Read {
  return read(Buffer.from(text, 'utf8'), fileName, format);
}

function linesOf(found: Read): number[] {
  return 'problems' in found ? found.problems.map(({ line }) => line) : [];
}
