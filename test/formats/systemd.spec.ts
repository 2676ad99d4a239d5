import { write } from '../../src/formats/format.js';
import { HARD_VALUES, someValues } from './hard-values.js';
import { hasSystemd, readSystemdEnvFile, readWithSystemd } from './readers/systemd-env-file.js';

// The rules of systemd, written down for machines that do not have it, and systemd itself where it is installed.
const READERS = hasSystemd ? [readSystemdEnvFile, readWithSystemd] : [readSystemdEnvFile];

describe.each(READERS.map((read) => ({ reader: read.name, read })))(
  'systemd, read by $reader',
  ({ read }) => {
    it.each([
      ['the hard values', Object.values(HARD_VALUES)],
      ['generated values', someValues(2_000)],
    ])('gives back %s and nothing else', (_what, values) => {
      const entries = values
        .filter((value) => value !== '' && isCarried(value))
        .map((value, index) => ({ name: `V${index}`, value }));
      expect(entries.length).toBeGreaterThan(values.length / 3);
      const variables = new Map(read(textOf(entries)));
      for (const name of read(textOf([{ name: 'V', value: 'x' }])).keys()) variables.delete(name);
      expect(variables).toEqual(new Map(entries.map(({ name, value }) => [name, value])));
    });
  },
);

describe('the text for systemd', () => {
  it('has both double quotes and backslashes escaped and nothing else', () => {
    expect(textOf([{ name: 'a.b', value: 'C:\\"$X" `id` \'y\'\n\t' }])).toBe(
      'A_B="C:\\\\\\"$X\\" `id` \'y\'\n\t"\n',
    );
  });

  it.each(['\u0001', '\r', '\u001b', '\u007f', '\uffff', '\ufdd0', '\u{10fffe}'])(
    'does not exist for a value with %j, which systemd would drop',
    (character) => {
      expect(isCarried(`x${character}`)).toBe(false);
    },
  );
});

function isCarried(value: string): boolean {
  return 'text' in write('systemd', [{ name: 'V', value }], { secret: { name: 'web-prod' } });
}

function textOf(entries: readonly { name: string; value: string }[]): string {
  const written = write('systemd', entries, { secret: { name: 'web-prod' } });
  return 'text' in written ? written.text : '';
}
