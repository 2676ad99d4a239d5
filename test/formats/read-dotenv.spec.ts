import { read, type Read } from '../../src/formats/read.js';

describe('a value without quotes', () => {
  it.each([
    ['A=x', 'x'],
    ['A=', ''],
    ['A= ', ''],
    ['A=  two words\t ', 'two words'],
    ['A=x # a comment', 'x'],
    ['A=x\t# a comment', 'x'],
    ['A=x# no comment', 'x# no comment'],
    ['A=#x', '#x'],
    ['A= # a comment', ''],
    ['A=a=b==', 'a=b=='],
    ['A=$HOME ${X} $(id) `id', '$HOME ${X} $(id) `id'],
    ['A=C:\\new', 'C:\\new'],
    ['A=it\'s "x"', 'it\'s "x"'],
    ['  A  =  x', 'x'],
    ['export A=x', 'x'],
    ['\texport \t A = x', 'x'],
    ['A=\u00a0x\u3000', '\u00a0x\u3000'],
    ['A=x\u2028y\u0085z', 'x\u2028y\u0085z'],
  ])('%j is %j', (line, value) => {
    expect(readEnv(`# before\n\n${line}\n  # after\nB=y`)).toEqual({
      entries: [
        { name: 'A', value },
        { name: 'B', value: 'y' },
      ],
    });
  });

  it('may have a name that begins like the word export', () => {
    expect(readEnv('exported=1\nexport=2')).toEqual({
      entries: [
        { name: 'exported', value: '1' },
        { name: 'export', value: '2' },
      ],
    });
  });
});

describe('a value in quotes', () => {
  it.each([
    ["'x'", 'x'],
    ["''", ''],
    ['""', ''],
    ['``', ''],
    ["' x # y '", ' x # y '],
    ["'x' # a comment", 'x'],
    ['"x"# a comment', 'x'],
    ["'a\\nb\\'", 'a\\nb\\'],
    ['`a\\nb"\'`', 'a\\nb"\''],
    ['"a\\nb\\rc\\td"', 'a\nb\rc\td'],
    ['"say \\"hi\\""', 'say "hi"'],
    ['"C:\\\\new"', 'C:\\new'],
    ['"x\\\\"', 'x\\'],
    ['"\\$HOME \\q \\u0041"', '\\$HOME \\q \\u0041'],
    ['"$HOME ${X}"', '$HOME ${X}'],
    ["'one\ntwo\n\nthree'", 'one\ntwo\n\nthree'],
    ["'x\nEVIL=1\n'", 'x\nEVIL=1\n'],
    ['"# no comment\n#neither"', '# no comment\n#neither'],
    ["'one\r\ntwo'", 'one\ntwo'],
    ["'one\rtwo'", 'one\rtwo'],
  ])('%j is %j', (quoted, value) => {
    expect(readEnv(`A=${quoted}\nB= ${quoted}`)).toEqual({
      entries: [
        { name: 'A', value },
        { name: 'B', value },
      ],
    });
  });
});

describe('a file with problems', () => {
  it('tells all of them at once, each with its line', () => {
    const lines = [
      'A=x',
      'no equals sign',
      "B='one",
      "two' three",
      'C="never closed',
      '=x',
      'A=y',
      '1=x',
      'D=a\rb',
      '#\r',
    ];
    expect(readEnv(lines.join('\n'))).toEqual({
      problems: [
        { line: 2, problem: expect.stringContaining('"="') },
        { line: 4, problem: expect.stringContaining('closing quote') },
        { line: 5, problem: expect.stringContaining('never closed') },
        { line: 6, problem: expect.stringContaining('empty') },
        { line: 7, problem: expect.stringContaining('line 1') },
        { line: 8, problem: expect.stringContaining('begins with a letter') },
        { line: 9, problem: expect.stringContaining('carriage return') },
        { line: 10, problem: expect.stringContaining('"="') },
      ],
    });
  });

  it.each(["A='x", 'A="x', 'A=`x', 'A="x\\"', 'A=\'x"', "A='"])(
    '%j has an unclosed quote in line 2',
    (line) => {
      expect(readEnv(`\n${line}\n`)).toEqual({
        problems: [{ line: 2, problem: expect.stringContaining('never closed') }],
      });
    },
  );

  it('counts lines inside quotes', () => {
    expect(readEnv("A='\r\n\r\n'\r\nB\r\n")).toEqual({
      problems: [{ line: 4, problem: expect.any(String) }],
    });
  });

  it('does not take old line ends of a Mac for a part of a value', () => {
    expect(readEnv('A=x\rB=y\r')).toEqual({
      problems: [{ line: 1, problem: expect.stringContaining('carriage') }],
    });
  });

  it('is read in time, however long its lines and however many its quotes', () => {
    const started = performance.now();
    readEnv(`A=x${' '.repeat(500_000)}y`);
    readEnv(`A=${' '.repeat(500_000)}`);
    readEnv(`A="${'\\'.repeat(500_000)}`);
    readEnv('A="\\"\n'.repeat(20_000));
    readEnv("A='\n".repeat(20_000));
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

function readEnv(text: string): Read {
  return read(Buffer.from(text, 'utf8'), '.env');
}
