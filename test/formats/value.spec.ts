import { LARGEST_VALUE, valueProblem } from '../../src/formats/value.js';

describe('a value', () => {
  it.each([
    ['nothing', ''],
    ['white space', ' \t\r\n'],
    ['control characters', '\u0001\u001b\u007f\u0085'],
    ['an emoji of two surrogates', '\u{1f600}'],
    ['a byte order mark', '\ufeffx'],
    ['characters that are not assigned', '\uffff\ufdd0'],
  ])('may be %s', (_what, value) => {
    expect(valueProblem(value)).toBeNull();
  });

  it('is measured in UTF-8 bytes, not in characters', () => {
    expect(valueProblem('x'.repeat(LARGEST_VALUE))).toBeNull();
    expect(valueProblem('x'.repeat(LARGEST_VALUE + 1))).toMatch(/at most 65,536 bytes/);
    expect(valueProblem('é'.repeat(LARGEST_VALUE / 2))).toBeNull();
    expect(valueProblem('é'.repeat(LARGEST_VALUE / 2) + 'x')).toMatch(/at most 65,536 bytes/);
    expect(valueProblem('\u{1f600}'.repeat(LARGEST_VALUE / 4 + 1))).toMatch(/at most 65,536 bytes/);
  });

  it('must not contain a NUL, wherever it stands', () => {
    for (const value of ['\0', 'a\0', '\0a', 'a\0b']) expect(valueProblem(value)).toMatch(/NUL/);
  });

  it('must not contain half of a surrogate pair', () => {
    for (const value of ['\ud800', 'a\udc00b', '\ude00\ud83d'])
      expect(valueProblem(value)).toMatch(/surrogate/);
  });

  it('is not shown in the sentence that refuses it', () => {
    for (const value of ['hunter2\0', 'hunter2\ud800', 'hunter2'.repeat(10_000)]) {
      expect(valueProblem(value)).not.toContain('hunter2');
    }
  });
});
