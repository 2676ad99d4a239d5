import { read, type Read } from '../../src/formats/read.js';

describe('a YAML file', () => {
  it.each([
    ['plain', 'x'],
    ["'it''s'", "it's"],
    ['"a\\nb\\u0041"', 'a\nbA'],
    ['|\n  one\n  two\n', 'one\ntwo\n'],
    ['|-\n  one\n', 'one'],
    ['"1"', '1'],
    ['""', ''],
    ['yes', 'yes'],
    ['2001-12-14', '2001-12-14'],
    ['12:30:45', '12:30:45'],
    ['http://x # a comment', 'http://x'],
    ['$HOME', '$HOME'],
  ])('gives A: %j the value %j', (text, expected) => {
    const value = text === 'plain' ? 'plain' : expected;
    expect(readYaml(`# before\nA: ${text}\nB: y\n`)).toEqual({
      entries: [
        { name: 'A', value },
        { name: 'B', value: 'y' },
      ],
    });
  });

  it('keeps names as they are written', () => {
    expect(readYaml('null: x\nyes: x\n"b.c": x\n{}: 1')).toHaveProperty('problems');
    expect(readYaml('null: x\nyes: x\n"b.c": x\n')).toEqual({
      entries: ['null', 'yes', 'b.c'].map((name) => ({ name, value: 'x' })),
    });
  });

  it.each(['- a\n', 'x\n', '1\n', '"x"\n', '---\n'])('is refused when it is %j', (text) => {
    expect(readYaml(text)).toEqual({
      problems: [{ line: 1, problem: expect.stringContaining('one mapping') }],
    });
  });

  it('tells everything that is no text, with its line', () => {
    expect(
      readYaml('A: 1\nB: 0777\nC: 1e3\nD: .inf\nE: ~\nF:\nG: null\nH: True\nI: [x]\nJ:\n  x: y\nK: fine\n'),
    ).toEqual({
      problems: [
        ...[1, 2, 3, 4].map((line) => ({ line, problem: expect.stringContaining('a number') })),
        ...[5, 6, 7].map((line) => ({ line, problem: expect.stringContaining('Nothing stands') })),
        { line: 8, problem: expect.stringContaining('true or false') },
        { line: 9, problem: expect.stringContaining('A list') },
        { line: 10, problem: expect.stringContaining('A mapping') },
      ],
    });
  });

  it.each([
    ['an alias', 'A: x\nB: *a\n', /Aliases/],
    ['an anchor', 'A: x\nB: &a x\n', /Anchors/],
    ['an anchor of a name', 'A: x\n&a B: x\n', /Anchors/],
    ['a tag of YAML', 'A: x\nB: !!str 1\n', /Tags/],
    ['a tag of somebody', 'A: x\nB: !vault x\n', /Tags/],
    ['binary data', 'A: x\nB: !!binary eA==\n', /Tags/],
    ['a tag of a name', 'A: x\n!!str B: x\n', /Tags/],
    ['a merge key', 'A: x\n<<: {C: y}\n', /Merge/],
  ])('is refused for %s', (_what, text, reason) => {
    expect(readYaml(text)).toEqual({
      problems: expect.arrayContaining([{ line: 2, problem: expect.stringMatching(reason) }]),
    });
  });

  it('never follows an alias, so that a short file cannot become a long one', () => {
    const levels = Array.from({ length: 30 }, (_, n) => `L${n}: &l${n} [${`*l${n - 1},`.repeat(9)}]`).join(
      '\n',
    );
    const started = performance.now();
    expect(readYaml(`${levels}\n`)).toHaveProperty('problems');
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('is refused when a second document follows', () => {
    expect(readYaml('A: x\n---\nB: y\n')).toEqual({
      problems: [{ line: 3, problem: expect.stringContaining('second') }],
    });
    expect(readYaml('---\nA: x\n...\n')).toEqual({ entries: [{ name: 'A', value: 'x' }] });
  });

  it.each([
    ['a single quote', "A: x\nB: 'never\nC: y\n", 2, /never closed/],
    ['a double quote', 'A: x\nB: "never\nC: y\n', 2, /never closed/],
    ['a bracket', 'A: x\nB: [x\nC: y\n', 3, /./],
    ['an indentation', 'A: x\nB: y\n C: z\n', 2, /./],
    ['a tab', 'A: x\nB:\n\tC: z\n', 3, /tab/],
    ['a reserved character', 'A: x\nB: @y\n', 2, /./],
    ['an escape', 'A: x\nB: "\\q"\n', 2, /./],
    ['a second colon', 'A: x\nB: c: d\n', 2, /colon/],
    ['a name that is a list', 'A: x\n? [b]\n: c\n', 2, /name/],
  ])('tells the line in which %s is wrong', (_what, text, line, reason) => {
    expect(readYaml(text)).toEqual({
      problems: expect.arrayContaining([{ line, problem: expect.stringMatching(reason) }]),
    });
  });

  it('tells what is wrong before an error of syntax, and the error', () => {
    expect(readYaml('A: 1\nB: x\nB: y\nC: "never closed\nD: z\n')).toEqual({
      problems: [
        { line: 1, problem: expect.stringContaining('a number') },
        { line: 3, problem: expect.stringContaining('line 2') },
        { line: 4, problem: expect.stringContaining('never closed') },
      ],
    });
  });

  it('does not exhaust the stack', () => {
    for (const deep of ['['.repeat(200_000), '{a: '.repeat(100_000), '- '.repeat(50_000)]) {
      expect(readYaml(`A: ${deep}`)).toHaveProperty('problems.length');
    }
  });
});

describe('the manifest of a Secret', () => {
  it('gives what stands in data and in stringData', () => {
    const text = `apiVersion: v1
kind: Secret
metadata: {name: x, labels: {a: b}}
type: Opaque
immutable: true
data:
  tls.crt: ${Buffer.from('one\ntwo\n').toString('base64')}
  EMPTY: ""
  FOLDED: |
    aGVs
    bG8=
stringData:
  port: "443"
`;
    expect(readManifest(text)).toEqual({
      entries: [
        { name: 'tls.crt', value: 'one\ntwo\n' },
        { name: 'EMPTY', value: '' },
        { name: 'FOLDED', value: 'hello' },
        { name: 'port', value: '443' },
      ],
    });
  });

  it('may have no data', () => {
    for (const text of ['kind: Secret\n', 'kind: Secret\ndata:\n', 'kind: Secret\ndata: {}\n']) {
      expect(readManifest(text)).toEqual({ entries: [] });
    }
  });

  it('tells everything that is wrong, with its line', () => {
    const text =
      'kind: Secret\ndata:\n  A: "not base64!"\n  B: 12\n  C: eA\n  D: /w==\n  E: eA==\nstringData:\n  F: 1\n  E: x\n  G: null\n';
    expect(readManifest(text)).toEqual({
      problems: [
        { line: 3, problem: expect.stringContaining('valid base64') },
        { line: 4, problem: expect.stringContaining('no base64') },
        { line: 5, problem: expect.stringContaining('valid base64') },
        { line: 6, problem: expect.stringContaining('not UTF-8') },
        { line: 9, problem: expect.stringContaining('no text') },
        { line: 10, problem: expect.stringContaining('line 7') },
        { line: 11, problem: expect.stringContaining('no text') },
      ],
    });
  });

  it.each(['kind: ConfigMap\ndata: {A: x}\n', 'A: x\n', 'kind: List\nitems: []\n', '- x\n', ''])(
    'is not %j',
    (text) => {
      expect(readManifest(text)).toEqual({
        problems: [{ line: 1, problem: expect.stringContaining('not the manifest') }],
      });
    },
  );

  it.each(['data: x', 'data: [x]', 'stringData: 1'])('must not have %j', (section) => {
    expect(readManifest(`kind: Secret\n${section}\n`)).toEqual({
      problems: [{ line: 2, problem: expect.stringContaining('must be a mapping') }],
    });
  });
});

function readYaml(text: string): Read {
  return read(Buffer.from(text, 'utf8'), 'x.yaml', 'yaml');
}

function readManifest(text: string): Read {
  return read(Buffer.from(text, 'utf8'), 'x.yaml', 'k8s');
}
