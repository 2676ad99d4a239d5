import fc from 'fast-check';
import { read, type Read } from '../../src/formats/read.js';

describe('a JSON file', () => {
  it('is one flat object of text', () => {
    expect(readJson('{"A": "x", "b.c-d": "", "C": "\\u0041\\n\\"\\\\\\/\\ud83d\\ude00"}')).toEqual({
      entries: [
        { name: 'A', value: 'x' },
        { name: 'b.c-d', value: '' },
        { name: 'C', value: 'A\n"\\/\u{1f600}' },
      ],
    });
  });

  it.each(['[]', '"x"', '1', 'null', 'true'])('is refused when it is %s', (text) => {
    expect(readJson(text)).toEqual({
      problems: [{ line: 1, problem: expect.stringContaining('one mapping') }],
    });
  });

  it('tells everything that is no text, with its line', () => {
    const text =
      '{\n"A": 1,\n"B": -1.5e+3,\n"C": null,\n"D": true,\n"E": [1, {"x": "y"}],\n"F": {"x": []},\n"G": "fine"\n}';
    expect(readJson(text)).toEqual({
      problems: [
        { line: 2, problem: 'There is a number where text belongs; write it in quotes.' },
        { line: 3, problem: 'There is a number where text belongs; write it in quotes.' },
        { line: 4, problem: 'Nothing stands where text belongs; write "" for an empty value.' },
        { line: 5, problem: 'There is true or false where text belongs; write it in quotes.' },
        { line: 6, problem: 'A list stands where text belongs.' },
        { line: 7, problem: 'A mapping stands where text belongs.' },
      ],
    });
  });

  it('tells what is wrong before an error of syntax, and the error', () => {
    expect(readJson('{\n"A": 1,\n"B": "x",\n"B": "y",\n"C": "never closed\n}')).toEqual({
      problems: [
        { line: 2, problem: expect.stringContaining('a number') },
        { line: 4, problem: expect.stringContaining('line 3') },
        { line: 5, problem: expect.stringContaining('closing quote') },
      ],
    });
  });

  it.each([
    ['', 1],
    ['{', 1],
    ['{\n"A"', 2],
    ['{"A"\n:', 2],
    ['{"A": "x",\n}', 2],
    ['{"A": "x"\n"B": "y"}', 2],
    ['{"A": "x"}\n}', 2],
    ['{"A": "x"}\n{"B": "y"}', 2],
    ["{'A': 'x'}", 1],
    ['{A: "x"}', 1],
    ['{"A": "x\ty"}', 1],
    ['{"A": "\\x41"}', 1],
    ['{"A": 01}', 1],
    ['{"A": +1}', 1],
    ['{"A": NaN}', 1],
    ['{"A": tru}', 1],
    ['{"A": [1, ]}', 1],
    ['{"A": "x" /* y */}', 1],
    ['{"A": "x"}\u00a0', 1],
  ])('%j has an error of syntax in line %i', (text, line) => {
    expect(readJson(text)).toEqual({
      problems: expect.arrayContaining([{ line, problem: expect.any(String) }]),
    });
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
  });

  it('agrees with JSON.parse on what is JSON', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"A"',
      '"b\\n"',
      '"\\',
      '"',
      '1',
      '-',
      '0',
      '.5',
      'e3',
      'null',
      'true',
      ' ',
      '\n',
      '\f',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join('')),
        ),
        (text) => {
          const found = readJson(text);
          const problems = 'problems' in found ? found.problems.map(({ problem }) => problem) : [];
          expect(problems.some(isSyntax)).toBe(!isJson(text));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('may hold half a surrogate pair in an escape only to be refused', () => {
    expect(readJson('{"A": "\\ud800"}')).toEqual({
      problems: [{ line: 1, problem: expect.stringContaining('surrogate') }],
    });
  });

  it('is read in time and without exhausting the stack', () => {
    const started = performance.now();
    expect(readJson('['.repeat(1_000_000))).toEqual({
      problems: expect.arrayContaining([{ line: 1, problem: expect.stringContaining('deep') }]),
    });
    readJson(`{"A": "${'x'.repeat(4_000_000)}`);
    readJson(`{"A": "${'\\n'.repeat(2_000_000)}`);
    readJson(`{"A": ${'\n'.repeat(1_000_000)}`);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

function isSyntax(problem: string): boolean {
  return /missing|nested|closing quote|follows the end/.test(problem);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function readJson(text: string): Read {
  return read(Buffer.from(text, 'utf8'), 'x.json', 'json');
}
