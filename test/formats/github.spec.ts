import fc from 'fast-check';
import { write } from '../../src/formats/format.js';
import { anyValue } from './hard-values.js';
import { readGithubEnvFile, readGithubMasks } from './readers/github-env-file.js';

const OPTIONS = { secret: { name: 'web-prod' } };

describe('github-env', () => {
  it('has a delimiter of 128 random bits, another one for each variable', () => {
    const entries = ['A', 'B', 'C'].map((name) => ({ name, value: 'x' }));
    const delimiters = [...textOf('github-env', entries).matchAll(/^[A-C]<<(coffer_[0-9a-f]{32})$/gm)].map(
      ([, d]) => d,
    );
    expect(new Set(delimiters).size).toBe(3);
  });

  it('draws again when the delimiter stands in the value, whatever stands around it', () => {
    const draws = [0x00, 0x00, 0x11, 0x11, 0x22];
    const random = (count: number): Uint8Array => new Uint8Array(count).fill(draws.shift() ?? 0xff);
    const value = `x\ncoffer_${'00'.repeat(16)}\nEVIL=1\n coffer_${'11'.repeat(16)}`;
    const written = write('github-env', [{ name: 'A', value }], { ...OPTIONS, random });
    expect(written).toEqual({
      text: `A<<coffer_${'22'.repeat(16)}\n${value}\ncoffer_${'22'.repeat(16)}\n`,
    });
    expect(readGithubEnvFile('text' in written ? written.text : '')).toEqual(new Map([['A', value]]));
  });

  it('asks for sixteen bytes at a time', () => {
    const counts: number[] = [];
    const random = (count: number): Uint8Array => {
      counts.push(count);
      return new Uint8Array(count);
    };
    write('github-env', [{ name: 'A', value: 'x' }], { ...OPTIONS, random });
    expect(counts).toEqual([16]);
  });

  it('can be put behind what other steps have written into the file', () => {
    const before = 'FIRST=1\nSECOND<<EOF\n2\nEOF\n';
    const variables = readGithubEnvFile(before + textOf('github-env', [{ name: 'THIRD', value: '3\n' }]));
    expect(Object.fromEntries(variables)).toEqual({ FIRST: '1', SECOND: '2', THIRD: '3\n' });
  });
});

describe('github-mask', () => {
  it('hides every line of four characters or more of every value, and no shorter one', () => {
    const text = textOf('github-mask', [
      { name: 'A', value: 'long enough\nabc\n\nabcd\n' },
      { name: 'B', value: 'x' },
      { name: 'C', value: '\u{1f600}\u{1f600}\u{1f600}' },
      { name: 'D', value: '\u{1f600}\u{1f600}\u{1f600}\u{1f600}' },
    ]);
    expect(readGithubMasks(text)).toEqual(['long enough', 'abcd', '\u{1f600}\u{1f600}\u{1f600}\u{1f600}']);
  });

  it('hides a line with a carriage return as it is and as the log may break it', () => {
    const text = textOf('github-mask', [{ name: 'A', value: 'first line\r\nsecond\rline' }]);
    expect(readGithubMasks(text)).toEqual(['first line\r', 'first line', 'second\rline', 'second', 'line']);
  });

  it('encodes what the runner decodes, so that nothing is hidden but what stands in the value', () => {
    expect(textOf('github-mask', [{ name: 'A', value: '100%0A %25 \r' }])).toMatch(
      /^::add-mask::100%250A %2525 %0D\n/,
    );
  });

  it('gives the runner one command a line for any value, each of them a mask of a piece of the value', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const masks = readGithubMasks(textOf('github-mask', [{ name: 'A', value }]));
        const lines = value.split(/[\r\n]+/).filter((line) => [...line].length >= 4);
        expect(masks).toEqual(expect.arrayContaining(lines));
        for (const mask of masks) expect(value).toContain(mask);
        expect(masks.every((mask) => [...mask].length >= 4 && !mask.includes('\n'))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

function textOf(
  format: 'github-env' | 'github-mask',
  entries: readonly { name: string; value: string }[],
): string {
  const written = write(format, entries, OPTIONS);
  return 'text' in written ? written.text : '';
}
